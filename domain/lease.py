"""The lease: whether what an engine works on is its own, for sure and still."""

from typing import Protocol


class Lease(Protocol):
    """What a journal knows of its ownership. Appends prove it besides, by means of their own."""

    @property
    def held(self) -> bool:
        """Whether it is ours; asked right before anything is done outside."""
        ...

    async def changed(self) -> None:
        """Returns when it was lost, or taken again, since it last did. For one caller at a time."""
        ...
