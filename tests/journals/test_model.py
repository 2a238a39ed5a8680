"""SQLite behaves as memory does, the readable specification, for any batches."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import shard_of
from perdure.domain.journal import STATES, Journal, Scan, Submission
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from tests.journals.submissions import NOON, charged, payment, row

pytestmark = pytest.mark.every_python

NAMES = [payment(number) for number in range(3)]
DUES = st.none() | st.integers(NOON, NOON + 3)


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    name = draw(st.sampled_from(NAMES))
    changes = {
        "state": draw(st.sampled_from(STATES)),
        "due": draw(DUES),
        "started": draw(st.integers(NOON, NOON + 3)),
        "reason": draw(st.text(max_size=3)),
    }
    index = draw(st.sampled_from([None, row(name, **changes)]))
    events = [charged(ordinal) for ordinal in range(draw(st.integers(0, 2)))]
    return Submission(name, shard_of(name), draw(st.integers(0, 4)), events, index)


BATCHES = st.lists(st.lists(submissions(), max_size=4), max_size=8)
SCANS = st.builds(
    Scan,
    states=st.lists(st.sampled_from(STATES), unique=True).map(tuple),
    due_until=DUES,
    everything=st.booleans(),
    after=st.none() | st.tuples(st.integers(NOON, NOON + 3), st.sampled_from(NAMES)),
    limit=st.integers(1, 3),
)


async def told(journal: Journal, batches: list[list[Submission]], scans: list[Scan]) -> object:
    """All that can be seen of a journal while batches are appended."""
    seen: list[object] = []
    for batch in batches:
        try:
            seen.append(await journal.append(batch))
        except VersionConflict as conflict:
            seen.append((conflict.execution_id, conflict.expected))
        seen.append((await journal.read(NAMES), await journal.rows(NAMES)))
    seen += [await journal.scan(scan) for scan in scans]
    await journal.close()
    return seen


@given(batches=BATCHES, scans=st.lists(SCANS, max_size=5))
def test_any_batches_end_alike_in_memory_and_in_a_file(
    batches: list[list[Submission]], scans: list[Scan]
) -> None:
    async def both() -> None:
        with TemporaryDirectory() as folder:
            file = await SQLiteJournal.open(Path(folder) / "payments.db", synchronous="normal")
            in_file = await told(file, batches, scans)
        assert in_file == await told(MemoryJournal(), batches, scans)

    asyncio.run(both())
