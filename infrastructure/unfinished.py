"""What both backends' checks tell of the work in a journal: what is unfinished, parked, overdue.

Made from counts of the index and the mailbox; who counts is the backend.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from perdure.domain.journal import ENDED_STATES
from perdure.domain.states import instant
from perdure.infrastructure.keeping import Finding, ok, warning

SECOND = 1_000_000
LATE_SECONDS = 60  # an engine takes up what is due within a second, at its limit within some
NEEDS = {
    "blocked": "deploy code that fits: perdure list --state blocked tells which and why",
    "stuck": "perdure list --state stuck, then perdure resolve",
}

# For any SQL: both backends have these columns. `{schema}` is "" or "name.".
UNFINISHED = f"""
    SELECT state, count(*), min(started), min(due) FROM {{schema}}executions
    WHERE state NOT IN ({", ".join(repr(state) for state in ENDED_STATES)})
    GROUP BY state ORDER BY state
"""
OLDEST = f"""
    SELECT execution_id, started FROM {{schema}}executions
    WHERE state NOT IN ({", ".join(repr(state) for state in ENDED_STATES)})
    ORDER BY started, execution_id LIMIT 1
"""
ORDERS = """
    SELECT (SELECT count(*) FROM {schema}mailbox WHERE settled_at IS NULL),
        (SELECT min(sent) FROM {schema}mailbox WHERE settled_at IS NULL),
        (SELECT count(*) FROM {schema}mailbox WHERE settled_at IS NOT NULL),
        (SELECT min(settled_at) FROM {schema}mailbox WHERE settled_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Work:
    """As the three queries have it; times in microseconds since 1970."""

    states: Sequence[tuple[str, int, int, int | None]]
    oldest: tuple[str, int] | None
    orders: tuple[int, int | None, int, int | None]

    @classmethod
    def of(cls, rows: Callable[[str], Sequence[Any]]) -> "Work":
        """As `rows` answers each query."""
        oldest = rows(OLDEST)
        return cls(rows(UNFINISHED), oldest[0] if oldest else None, rows(ORDERS)[0])


def told(work: Work, now: int) -> Iterator[Finding]:
    """The checks of it, at this time."""
    counts = {state: count for state, count, _, _ in work.states}
    if work.oldest is None:
        yield ok("unfinished work", "none")
    else:
        name, started = work.oldest
        each = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        yield ok("unfinished work", f"{each}; the oldest, {name}, since {written(started)}")
    for state, next_step in NEEDS.items():
        if counts.get(state):
            yield warning(f"{state} executions", f"{counts[state]:,}", next_step)
        else:
            yield ok(f"{state} executions", "none")
    yield overdue(work, now)
    yield from mailbox(work, now)


def overdue(work: Work, now: int) -> Finding:
    """What an engine would have taken up long ago."""
    dues = [due for state, _, _, due in work.states if due and state in ("running", "compensating")]
    if dues and min(dues) < now - LATE_SECONDS * SECOND:
        return warning(
            "overdue work",
            f"something is due since {written(min(dues))}",
            "open an engine on the journal; if one runs, see whether it is at its limit",
        )
    return ok("overdue work", "none")


def mailbox(work: Work, now: int) -> Iterator[Finding]:
    waiting, sent, settled, first = work.orders
    if waiting and sent is not None and sent < now - LATE_SECONDS * SECOND:
        yield warning(
            "orders",
            f"{waiting:,} wait, the first since {written(sent)}",
            "open an engine on the journal, which carries them out",
        )
    else:
        yield ok("orders", f"{waiting:,} wait")
    since = "" if first is None else f", the first of {written(first)}"
    yield ok("settled orders", f"{settled:,} not yet forgotten{since}")


def written(time: int) -> str:
    """Microseconds since 1970, in UTC: who reads it may be elsewhere."""
    return instant(time).strftime("%Y-%m-%d %H:%M:%S UTC")


def bytes_written(size: int) -> str:
    """A size for people."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size} bytes"
