"""The lease of a simulated process: held until something keeps it from being renewed.

Renewing is no event of this world, or a month in it would have half a million: whoever lives holds
its lease. Once renewing fails it is over for its holder a third of its time before it is for the
storage, as on a server; appends prove it anyway. Implements perdure.domain.lease.Lease.
"""

import asyncio

from perdure.infrastructure.news import News
from perdure.infrastructure.simulation.process import ProcessLoop, pause
from perdure.infrastructure.simulation.storage import Storage

AGAIN_SECONDS = 0.5
MICROSECOND = 1e-6  # later than its end: the world's time is in whole ones
FROZEN_SECONDS = 40.0  # longer than a lease, mostly


class SimulatedLease:
    """See the module. `epoch` is what appends prove."""

    def __init__(self, storage: Storage, process: ProcessLoop, lease_seconds: float) -> None:
        self._storage = storage
        self._process = process
        self._seconds = lease_seconds
        self._mine = False
        self._until: float | None = None  # when it is over for us; None: it is renewed
        self._news = News()
        self._timers: list[asyncio.TimerHandle] = []
        self._taking: asyncio.Task[None] | None = None
        self.epoch = 0

    @property
    def held(self) -> bool:
        return self._mine and (self._until is None or self._process.time() < self._until)

    async def changed(self) -> None:
        await self._news.heard()

    async def take(self) -> None:
        """Returns once it is ours."""
        free = News()
        self._storage.tell_when_free(free)
        while True:
            epoch = self._storage.take(self._process.name)
            if epoch is not None:
                self.epoch, self._mine, self._until = epoch, True, None
                return
            timer = None
            if (expires := self._storage.expires) is not None:
                timer = self._process.call_at(expires / 1_000_000, free.tell)
            await free.heard()
            if timer is not None:
                timer.cancel()

    def not_renewed(self, seconds: float) -> None:
        """It cannot be renewed for so long."""
        self._storage.expire(self.epoch)
        until = self._process.time() + self._seconds * 2 / 3
        self._until = until if self._until is None else min(until, self._until)
        self._timers += [
            self._process.call_at(self._until + MICROSECOND, self._over),
            self._process.call_later(seconds, self._renew),
        ]

    def lost(self) -> None:
        """An append was refused, or it was not renewed in time: it is taken again."""
        if self._mine:
            self._mine = False
            self._stop()
            self._news.tell()
            self._taking = self._process.create_task(self._take_again())

    def close(self) -> None:
        """Gives it up."""
        self._mine = False
        self._stop()
        if self._taking is not None:
            self._taking.cancel()
        self._storage.release(self._process.name)

    async def _take_again(self) -> None:
        await pause(AGAIN_SECONDS)
        await self.take()
        self._news.tell()

    def _renew(self) -> None:
        if self.held and self._storage.renew(self.epoch):
            self._until = None
        elif self._mine:
            self.lost()

    def _over(self) -> None:
        if self._mine and not self.held:
            self.lost()

    def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
