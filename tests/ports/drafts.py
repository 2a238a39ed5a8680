"""What stories of a journal append and look for, drawn before it is known how far a stream is.

A draft is mostly right: its stream is where it expects it. Some are not, so that conflicts and
refused starts come in every company. `journals.py` makes submissions of them.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from perdure.domain.events import Event
from perdure.domain.identity import shard_of
from perdure.domain.journal import OPEN_STATES, STATES, Scan
from tests.journals.submissions import NOON, charged, payment, started

# Two of one shard, whose positions depend on each other, and three of others.
_SHARD = shard_of(payment(0))
_FELLOW = next(n for n in range(1, 10_000) if shard_of(payment(n)) == _SHARD)
NAMES = [payment(number) for number in (0, _FELLOW, 1, 2, 3)]
WORKFLOWS = ("ProcessPayment", "Ship")
TAGS: list[dict[str, str] | None] = [None, {"customer": "Ada"}, {"customer": "Zoë", "vip": "yes"}]


@dataclass(frozen=True, slots=True)
class Draft:
    """`off`: by how much it is wrong about its stream; `settles`: which envelopes, and when."""

    execution_id: str
    starts: bool
    off: int
    events: int
    index: dict[str, object] | None
    settles: list[tuple[int, int]]


TIMES = st.integers(NOON, NOON + 3)
DUES = st.none() | TIMES
INDEX = st.fixed_dictionaries(
    {
        "state": st.sampled_from(OPEN_STATES) | st.sampled_from(STATES),
        "due": DUES,
        "started": TIMES,
        "changed": TIMES,
        "reason": st.sampled_from(["", "café", "a 'b' \\ \x00"]),
        "workflow": st.sampled_from(WORKFLOWS),
        "tags": st.sampled_from(TAGS),
    }
)
SETTLES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), min_size=1, max_size=2)
NONE: st.SearchStrategy[list[tuple[int, int]]] = st.just([])
OFF = st.sampled_from([0] * 14 + [-1, 1])
STARTS = st.builds(
    Draft, st.sampled_from(NAMES), st.just(True), st.just(0), st.integers(1, 3), INDEX, NONE
)
STEPS = st.builds(
    Draft, st.sampled_from(NAMES), st.just(False), OFF, st.integers(1, 2), st.none() | INDEX, NONE
)
CHANGES = st.builds(
    Draft, st.sampled_from(NAMES), st.booleans(), OFF, st.just(0), st.none() | INDEX, NONE
)
SETTLING = st.builds(
    Draft, st.sampled_from(NAMES), st.booleans(), OFF, st.integers(0, 2), st.none() | INDEX, SETTLES
)
DRAFTS = STARTS | STEPS | CHANGES | SETTLING

MOSTLY_NONE = st.none() | st.none() | st.none()
SCANS = st.builds(
    Scan,
    states=st.just(STATES) | st.lists(st.sampled_from(STATES), unique=True).map(tuple),
    due_until=st.none() | TIMES,
    workflow=MOSTLY_NONE | st.sampled_from(WORKFLOWS),
    everything=st.booleans(),
    begun=MOSTLY_NONE | st.booleans(),
    tags=MOSTLY_NONE | st.sampled_from([*TAGS, {"vip": "yes"}]),
    after=st.none() | st.tuples(TIMES, st.sampled_from(NAMES)),
    limit=st.integers(1, 6),
)


def events_of(count: int, expected: int) -> list[Event]:
    """So many events behind this version; the first of a stream is its start."""
    return [
        started() if version == 1 else charged(version)
        for version in range(expected + 1, expected + 1 + count)
    ]
