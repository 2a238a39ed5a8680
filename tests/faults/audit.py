"""The ledger of the gateway against the journal, after everything that happened to the workers."""

from collections import Counter
from pathlib import Path

from perdure.domain import events
from perdure.domain.identity import idempotency_key
from perdure.domain.journal import Scan
from perdure.infrastructure.journals import open_journal
from tests.faults.payments import lines

FULFILLED = {"total", "charge", "code", "ship", "email"}
UNDONE = {"total", "charge", "code", "void", "refund"}


async def check_books(url: str, ledger: Path) -> set[int]:
    """Every execution ended, all or nothing, each thing done once; which orders there are."""
    book = lines(ledger)
    effects = Counter((line["order"], line["step"]) for line in book if line["what"] == "effect")
    calls = [line for line in book if line["what"] == "call"]
    assert set(effects.values()) <= {1}, "a thing was done twice"
    tried = Counter((line["key"], line["attempt"]) for line in calls)
    assert set(tried.values()) <= {1}, "an attempt was made twice"
    journal = await open_journal(url, read_only=True)
    rows = await journal.scan(Scan(everything=True, states=ALL_STATES, limit=100_000))
    streams = await journal.read([row.execution_id for row in rows])
    await journal.close()
    orders = set()
    for execution_id, stream in streams.items():
        assert isinstance(stream, list)
        order = int(execution_id.partition("@")[2])
        orders.add(order)
        ends = [v for v, event in enumerate(stream, 1) if isinstance(event, events.TERMINAL)]
        assert ends == [len(stream)], f"{execution_id} is to have one end"
        expected = UNDONE if order % 2 else FULFILLED
        assert {step for done, step in effects if done == order} == expected
        check_calls(execution_id, stream, [line for line in calls if line["order"] == order])
    assert {line["order"] for line in book} <= orders, "something was done for nothing recorded"
    return orders


def check_calls(
    execution_id: str, stream: list[events.Event], calls: list[dict[str, object]]
) -> None:
    """Nothing ran again that had its outcome; undone in reverse order."""
    names = {e.ordinal: e.activity for e in stream if isinstance(e, events.ActivityStarted)}
    for event in stream:
        if isinstance(event, events.ActivitySucceeded):
            key = idempotency_key(execution_id, "activity", event.ordinal, names[event.ordinal])
            attempts = [call["attempt"] for call in calls if call["key"] == key]
            assert attempts[-1] == max(attempts) == event.attempt
    undone = [str(call["step"]) for call in calls if call["undoes"]]
    assert undone == sorted(undone, reverse=True), "void comes before refund"


ALL_STATES = (
    *("running", "compensating", "blocked", "suspended", "stuck"),
    *("succeeded", "failed", "compensated", "cancelled"),
)
