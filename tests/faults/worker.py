"""A worker process: starts these orders, or joins them, and waits for their ends.

`python -m tests.faults.worker URL LEDGER FIRST COUNT [HOLD]`; HOLD is a place of the gateway, or
`append N`: nothing goes on after the N-th append is stored. Exits with 3 when the journal is in
use.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from perdure import ExecutionParked, Failure, Handle, WorkflowEngine
from perdure.domain.errors import JournalInUse, JournalUnavailable, LostLease
from perdure.domain.journal import Journal, Scan, Submission
from perdure.infrastructure.clock import SystemClock, SystemRandomness
from perdure.infrastructure.journals import open_journal
from tests.faults.payments import gateway, process_payment, tell
from tests.journals.wrapped import WrappedJournal

T = TypeVar("T")

LEASE_SECONDS = 1.5


class HeldJournal(WrappedJournal):
    """Another journal, held up behind one of its appends."""

    def __init__(self, journal: Journal, hold: str) -> None:
        super().__init__(journal)
        self._left = int(hold.removeprefix("append ")) if hold.startswith("append") else 0
        self.hold = hold

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        answer = await super().append(submissions)
        self._left -= 1
        if self._left == 0:
            tell(self.hold)
            await asyncio.get_running_loop().create_future()
        return answer


async def end_of(engine: WorkflowEngine, order: int) -> None:
    handle = await patiently(lambda: engine.start(process_payment, order))
    tell(f"started {order}")
    await see_to(handle)
    tell(f"ended {order}")


async def work(url: str, orders: range, hold: str) -> None:
    journal = HeldJournal(await open_journal(url, lease_seconds=LEASE_SECONDS), hold)
    engine = WorkflowEngine(
        journal, [process_payment], clock=SystemClock(), randomness=SystemRandomness()
    )
    async with engine:
        tell("open")
        await asyncio.gather(*(end_of(engine, order) for order in orders))
        while rows := await patiently(lambda: journal.scan(Scan())):
            await asyncio.gather(*(wait_for(engine, row.execution_id) for row in rows))


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Over a server that is away for a while, and a lease that was lost meanwhile."""
    while True:
        try:
            return await call()
        except (JournalUnavailable, LostLease):
            await asyncio.sleep(0.05)


async def wait_for(engine: WorkflowEngine, execution_id: str) -> None:
    await see_to(engine.handle(execution_id))


async def see_to(handle: Handle[Any]) -> None:
    """Waits for its end. Killed from outside again and again it may be suspected of doing so."""
    while True:
        try:
            with contextlib.suppress(Failure):
                await patiently(handle.result)
        except ExecutionParked as parked:
            if "died" not in parked.reason:
                raise
            await handle.resume("it was killed from outside")
        else:
            return


if __name__ == "__main__":
    url, ledger, first, count, *hold = sys.argv[1:]
    gateway.open(Path(ledger), hold[0] if hold else "")
    try:
        asyncio.run(work(url, range(int(first), int(first) + int(count)), hold[0] if hold else ""))
    except JournalInUse as error:
        tell(str(error))
        sys.exit(3)
