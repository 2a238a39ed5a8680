"""The lease of journals that one process has to itself."""

import asyncio


class Forever:
    """The lease of a journal that one process has for as long as it is open."""

    __slots__ = ()
    held = True

    async def changed(self) -> None:
        await asyncio.get_running_loop().create_future()


FOREVER = Forever()
