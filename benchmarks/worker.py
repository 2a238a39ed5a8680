"""One worker: an engine on a journal, and the callers that start payments on it and wait for them.

Its garbage collector is set as the documentation tells users to set theirs: an engine keeps many
small objects alive for long, and the default thresholds walk through them again and again.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from benchmarks.workflow import Payment, ProcessPayment
from perdure import EngineSettings, KeyRing, WorkflowEngine, open_engine

GC_THRESHOLDS = (200_000, 20, 100)
WARM_UP = 20


@contextmanager
def patient_collector() -> Iterator[None]:
    """Sets the thresholds for as long as the measurement runs."""
    before = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass(frozen=True)
class Worker:
    """An open engine and the workflow that it runs."""

    engine: WorkflowEngine
    payment: Payment

    async def execute(self, identity: str) -> None:
        await self.engine.execute(self.payment, ProcessPayment(order_id=identity))

    async def start(self, identity: str) -> None:
        await self.engine.start(self.payment, ProcessPayment(order_id=identity))

    async def wait_for(self, identity: str) -> None:
        await self.engine.handle(f"{self.payment.name}@{identity}").result()

    async def warm_up(self) -> None:
        await self.run_all(WARM_UP, tag="warm")

    async def run_all(self, count: int, *, tag: str = "wf", duplicates_percent: int = 0) -> float:
        """Starts all at once; seconds from the first start to the last result."""
        start = time.perf_counter()
        callers = []
        for number in range(count):
            # Spread evenly: one more whenever this share of the numbers so far becomes whole.
            whole = number * duplicates_percent // 100
            again = (number + 1) * duplicates_percent // 100 > whole
            if not again:
                callers.append(self.execute(f"{tag}-{number}"))
            elif whole % 2:
                callers.append(self._execute_and_ask_again(f"{tag}-{number}"))
            else:
                callers += [self.execute(f"{tag}-{number}"), self.execute(f"{tag}-{number}")]
        await asyncio.gather(*callers)
        return time.perf_counter() - start

    async def _execute_and_ask_again(self, identity: str) -> None:
        await self.execute(identity)
        await self.execute(identity)

    @property
    def flushes(self) -> int:
        """Transactions of the group commit so far."""
        return self.engine._committer.flushes  # no user needs it, so it is not public


def engine_settings(in_flight: int, branches: int = 1) -> EngineSettings:
    """Room for this many executions with this many attempts each; a stop waits for none of them."""
    slots = max(in_flight * branches, EngineSettings().activity_slots)
    return EngineSettings(max_in_flight=in_flight, activity_slots=slots, stop_seconds=0)


@asynccontextmanager
async def open_worker(
    url: str, payment: Payment, in_flight: int, keys: KeyRing | None = None
) -> AsyncIterator[Worker]:
    """An engine in which this many payments may run at once."""
    settings = engine_settings(in_flight)
    async with open_engine(url, [payment], settings=settings, keys=keys) as engine:
        yield Worker(engine, payment)
