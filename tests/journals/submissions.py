"""What executions of the example domain append: payments, in a few shapes."""

from dataclasses import replace

from msgspec import Raw

from perdure.domain import events
from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.identity import shard_of
from perdure.domain.journal import IndexRow, Journal, Submission

NOON = 1_800_000_000_000_000  # microseconds since 1970


def payment(number: int) -> str:
    return f"ProcessPayment@order-{number:05d}"


def row(execution_id: str, **changes: object) -> IndexRow:
    """The index row of an execution that runs and is held by its owner."""
    running = IndexRow(
        execution_id, shard_of(execution_id), "ProcessPayment", "running", None, NOON, NOON
    )
    return replace(running, **changes)  # type: ignore[arg-type]


def started() -> Event:
    return events.ExecutionStarted(time=NOON, request=Raw(b'{"order_id":"7"}'), code="a1b2")


def charging(ordinal: int) -> Event:
    return events.ActivityStarted(
        time=NOON,
        ordinal=ordinal,
        activity="charge_credit_card",
        attempt=1,
        arguments=Raw(b'{"amount":"129.90"}'),
        feed=ordinal,
        code="a1b2",
    )


def charged(ordinal: int) -> Event:
    return events.ActivitySucceeded(
        time=NOON, ordinal=ordinal, attempt=1, result=Raw(b'{"reference":"ch_1"}')
    )


def start(execution_id: str, **changes: object) -> Submission:
    """Two events and the claim of the id."""
    return Submission(
        execution_id,
        shard_of(execution_id),
        0,
        [started(), charging(1)],
        row(execution_id, **changes),
    )


def step(execution_id: str, expected: int) -> Submission:
    """The outcome of one activity and the start of the next."""
    ordinal = expected // 2
    return Submission(
        execution_id, shard_of(execution_id), expected, [charged(ordinal), charging(ordinal + 1)]
    )


def change(execution_id: str, **changes: object) -> Submission:
    """No event, only the index."""
    return Submission(execution_id, shard_of(execution_id), 0, [], row(execution_id, **changes))


def started_with(request: bytes) -> Event:
    return events.ExecutionStarted(time=NOON, request=Raw(request), code="a1b2")


async def lengths(journal: Journal, *execution_ids: str) -> dict[str, int]:
    """How many events each of these streams has."""
    found: dict[str, int] = {}
    for execution_id, stream in (await journal.read(execution_ids)).items():
        assert not isinstance(stream, Undecodable), stream
        found[execution_id] = len(stream)
    return found
