"""The journal's side of the audit: what each stream says about an order, as plain facts.

It reads a journal and needs no engine. `facts` has the other side, the shop's books.
"""

from collections.abc import Sequence
from dataclasses import replace

from perdure.domain import events
from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.identity import Identity, idempotency_key
from perdure.domain.journal import STATES, IndexRow, Journal, Scan
from perdure.domain.states import state_of, word_of
from perdure.infrastructure.demo.facts import ActivityFacts, ExecutionFacts, Outcome


async def all_rows(journal: Journal) -> list[IndexRow]:
    """The whole index, newest first, page by page."""
    rows: list[IndexRow] = []
    scan = Scan(states=STATES, everything=True)
    while page := await journal.scan(scan):
        rows += page
        scan = replace(scan, after=(page[-1].started, page[-1].execution_id))
    return rows


async def streams_of(journal: Journal, execution_ids: Sequence[str]) -> dict[str, list[Event]]:
    """The streams of these executions. Raises Undecodable."""
    streams: dict[str, list[Event]] = {}
    for execution_id, stream in (await journal.read(execution_ids)).items():
        if isinstance(stream, Undecodable):
            raise stream
        streams[execution_id] = stream
    return streams


def facts_of(execution_id: str, stream: Sequence[Event]) -> ExecutionFacts:
    """What the audit has to know of one stream."""
    activities: dict[int, ActivityFacts] = {}
    for event in stream:
        match event:
            case events.ActivityStarted():
                key = idempotency_key(execution_id, "activity", event.ordinal, event.activity)
                known = activities.get(event.ordinal)
                activities[event.ordinal] = ActivityFacts(
                    activity=event.activity,
                    idempotency_keys=(known.idempotency_keys if known else frozenset()) | {key},
                    attempts=event.attempt,
                    outcome=Outcome.UNKNOWN,
                )
            case events.ActivitySucceeded():
                _note(activities, event.ordinal, Outcome.SUCCEEDED)
            case events.ActivityFailed() if event.failure is not None:
                _note(activities, event.ordinal, Outcome.FAILED)
            case events.ActivityCompensated():
                activities[event.undoes] = replace(activities[event.undoes], compensated=True)
    return ExecutionFacts(
        execution_id=execution_id,
        order_id=Identity.of(execution_id).key,
        state=word_of(state_of(fold(execution_id, list(stream)))),
        activities=tuple(activities[ordinal] for ordinal in sorted(activities)),
    )


def _note(activities: dict[int, ActivityFacts], ordinal: int, outcome: Outcome) -> None:
    activities[ordinal] = replace(activities[ordinal], outcome=outcome)
