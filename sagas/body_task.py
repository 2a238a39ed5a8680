"""The tasks of a body: their hash is the same on every replay.

Sets of tasks, as inside TaskGroup and wait, then iterate alike. The execution id spreads the hashes
of many executions over asyncio's global set of tasks, where bare ordinals collide.
"""

import asyncio
from typing import Any

HASH_MULTIPLIER = 0x9E3779B97F4A7C15  # odd: consecutive ordinals land far apart, none collide
HASH_MASK = (1 << 61) - 2


class BodyTask(asyncio.Task[Any]):
    """See the module. `number` and `ordinal_hash` are set before anybody asks for the hash.

    `branch` is 0, or says of which branch without an order it is; see `branches`.
    """

    __slots__ = ("branch", "number", "ordinal_hash")
    branch: int
    number: int
    ordinal_hash: int
    _fut_waiter: asyncio.Future[Any] | None  # asyncio's own: what it awaits
    _log_destroy_pending: bool  # asyncio's own: whether it complains of a task that is left

    def get_name(self) -> str:
        """The name that it was given, or one that is made when asked for: most never are."""
        loop: Any = self.get_loop()
        return super().get_name() or f"{loop.execution_id}/{self.number}"

    def __hash__(self) -> int:
        return self.ordinal_hash
