"""What the commands read of a journal, with nothing of the code that wrote it.

The journal is opened read-only, whether an engine runs on it or not: no lock, no append.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from perdure.domain.errors import Undecodable, UnknownExecution
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.identity import Identity, first_run, normal
from perdure.domain.journal import IndexRow, Journal, Scan
from perdure.domain.mailbox import OPEN_PAGE, Envelope
from perdure.domain.states import BlockedByCode, State, state_at
from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.errors import NotBegun
from perdure.infrastructure.journals import open_journal
from perdure.sagas.runs import run_meant


@dataclass(frozen=True, kw_only=True)
class Record:
    """One execution as it is recorded."""

    execution_id: str
    state: State
    stream: list[Event]
    runs: int = 1  # that its key has had
    waiting: Sequence[Envelope] = ()  # orders that no engine has taken yet


@asynccontextmanager
async def visited(url: str) -> AsyncIterator[Journal]:
    """The journal, read-only."""
    journal = await open_journal(url, read_only=True)
    try:
        yield journal
    finally:
        await journal.close()


async def rows_of(url: str, scan: Scan) -> list[IndexRow]:
    """The executions that fit."""
    async with visited(url) as journal:
        return list(await journal.scan(scan))


async def record_of(url: str, execution_id: str) -> Record:
    """One execution. Raises BadIdentity, UnknownExecution, NotBegun, Undecodable."""
    async with visited(url) as journal:
        execution_id, row = await run_meant(journal, execution_id)
        last, _ = await run_meant(journal, first_run(execution_id))
        stream = (await journal.read([execution_id])).get(execution_id)
        waiting = (await waiting_in(journal, [execution_id]))[execution_id]
    if stream is None:
        if any(envelope.kind == "start" for envelope in waiting):
            raise NotBegun(
                f"{execution_id} has not begun: its start waits in the journal's mailbox for an "
                "engine; open one on this journal"
            )
        raise UnknownExecution(execution_id)
    if isinstance(stream, Undecodable):
        raise stream
    return Record(
        execution_id=execution_id,
        state=state_now(execution_id, row, stream),
        stream=stream,
        runs=Identity.of(last).run,
        waiting=waiting,
    )


async def waiting_in(journal: Journal, execution_ids: Sequence[str]) -> dict[str, list[Envelope]]:
    """The orders to each of these that no engine has taken yet, in the order of their coming.

    Those that leave the run open count for every run.
    """
    found: dict[str, list[Envelope]] = {each: [] for each in execution_ids}
    runs: dict[str, set[str]] = {}
    for each in execution_ids:
        first = first_run(each)
        for name in (normal(each), first, *([f"{first}~1"] if each == first else [])):
            runs.setdefault(name, set()).add(each)
    after = 0
    while page := await journal.envelopes(after, OPEN_PAGE):
        for envelope in page:
            for each in runs.get(envelope.execution_id, ()):
                found[each].append(envelope)
        after = page[-1].arrival
    return found


def state_now(execution_id: str, row: IndexRow | None, stream: list[Event]) -> State:
    """What the stream tells; that no code fits, or no room was, stands in the index alone."""
    if row is not None and row.state == "blocked":
        return BlockedByCode.read(row.reason)
    return state_at(fold(execution_id, stream), SystemClock().now(), row)
