"""Placing the demo's orders: a client that takes them from the shop and posts them, one by one.

It knows nothing of workers, and goes on at its own pace whether one runs or not: an order is
accepted once it is durable in the journal's mailbox.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure import Client, connect
from perdure.infrastructure.demo.client import ShopClient
from perdure.infrastructure.demo.saga import process_payment, request_for

DAY_SECONDS = 5.0  # all orders together
LONGEST_PAUSE_SECONDS = 0.25


class Placing:
    """Counts what has been `placed` so far; `done` once that is all."""

    def __init__(self, orders: int) -> None:
        self.placed = 0
        self._pause = min(LONGEST_PAUSE_SECONDS, DAY_SECONDS / orders)
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether all orders are placed. Raises why they cannot be."""
        if self._task is None or not self._task.done():
            return False
        self._task.result()
        return True

    @asynccontextmanager
    async def under_way(self, journal: str, shop: str) -> AsyncIterator[None]:
        """Orders are placed within the block, until there are no more."""
        async with connect(journal) as client, ShopClient(shop) as line:
            self._task = asyncio.create_task(self._place(client, line))
            try:
                yield
            finally:
                self._task.cancel()
                await asyncio.wait([self._task])

    async def _place(self, client: Client, line: ShopClient) -> None:
        async for order in line.orders():
            await client.start(process_payment, request_for(order))
            self.placed += 1
            await asyncio.sleep(self._pause)
