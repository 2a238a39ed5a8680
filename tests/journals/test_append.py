"""What every journal promises of appending: all or nothing, in order, no id twice."""

from dataclasses import replace

import pytest

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import shard_of
from perdure.domain.journal import Journal, Submission
from perdure.infrastructure.errors import Unstorable
from tests.journals.stores import Store
from tests.journals.submissions import (
    NOON,
    change,
    charged,
    charging,
    lengths,
    payment,
    row,
    start,
    started,
    started_with,
    step,
)

pytestmark = pytest.mark.every_python

A, B, C = payment(1), payment(2), payment(3)


async def test_what_is_appended_is_read_as_it_was(journal: Journal) -> None:
    assert await journal.append([start(A), start(B)]) == [True, True]
    assert await journal.append([step(A, 2), step(B, 2), step(A, 4)]) == [True, True, True]
    four = [started(), charging(1), charged(1), charging(2)]
    streams = await journal.read([A, B])
    assert streams == {A: [*four, charged(2), charging(3)], B: four}


async def test_an_empty_batch_stores_nothing(journal: Journal) -> None:
    assert await journal.append([]) == []


# behaviour 34
async def test_a_start_whose_id_is_taken_is_refused_alone(journal: Journal) -> None:
    await journal.append([start(A)])
    batch = [start(B), start(A, workflow="Other"), step(A, 2), start(C)]
    assert await journal.append(batch) == [True, False, True, True]
    assert await lengths(journal, A, B, C) == {A: 4, B: 2, C: 2}
    assert (await journal.rows([A]))[A] == row(A)


# behaviour 34
async def test_of_two_starts_in_one_batch_the_first_has_the_id(journal: Journal) -> None:
    first, second = start(A, started=NOON + 1), start(A, started=NOON + 2)
    assert await journal.append([first, second, step(A, 2)]) == [True, False, True]
    assert (await journal.rows([A]))[A].started == NOON + 1
    assert await lengths(journal, A) == {A: 4}


async def test_a_conflict_rolls_the_whole_batch_back_and_names_its_stream(journal: Journal) -> None:
    await journal.append([start(A), start(B)])
    stale = step(A, 2)
    await journal.append([stale])
    with pytest.raises(VersionConflict) as raised:
        await journal.append([start(C), step(B, 2), stale, change(B, state="stuck")])
    assert (raised.value.execution_id, raised.value.expected) == (A, 2)
    assert await lengths(journal, A, B, C) == {A: 4, B: 2}
    assert await journal.rows([B, C]) == {B: row(B)}


async def test_a_refused_start_is_not_taken_for_the_conflict(journal: Journal) -> None:
    await journal.append([start(A)])
    with pytest.raises(VersionConflict) as raised:
        await journal.append([start(A), step(B, 2)])
    assert raised.value.execution_id == B


@pytest.mark.parametrize("expected", [1, 4, 100])
async def test_a_stream_has_neither_gap_nor_fork(journal: Journal, expected: int) -> None:
    await journal.append([start(A)])
    with pytest.raises(VersionConflict) as raised:
        await journal.append([step(A, expected)])
    assert raised.value.expected == expected
    with pytest.raises(VersionConflict):
        await journal.append([step(B, expected)])
    assert await journal.append([step(A, 2)]) == [True]


async def test_a_gap_within_one_batch_is_a_conflict_too(journal: Journal) -> None:
    await journal.append([start(A)])
    with pytest.raises(VersionConflict) as raised:
        await journal.append([step(A, 2), step(A, 6)])
    assert (raised.value.execution_id, raised.value.expected) == (A, 6)
    for first, second in ((2, 2), (4, 2)):
        with pytest.raises(VersionConflict):
            await journal.append([step(A, first), step(A, second)])
    assert await lengths(journal, A) == {A: 2}


async def test_events_and_index_change_together(journal: Journal) -> None:
    await journal.append([start(A)])
    ended = row(A, state="succeeded", changed=NOON + 9, reason="done")
    await journal.append([replace(step(A, 2), index=ended)])
    assert (await journal.rows([A]))[A] == ended
    assert await lengths(journal, A) == {A: 4}


async def test_without_events_only_the_index_is_written(journal: Journal) -> None:
    await journal.append([start(A)])
    waiting = {"state": "suspended", "due": NOON + 5, "reason": "no answer from the gateway"}
    assert await journal.append([change(A), change(A, **waiting)]) == [True, True]
    assert (await journal.rows([A]))[A] == row(A, **waiting)
    assert await lengths(journal, A) == {A: 2}


async def test_an_index_row_without_its_start_is_not_made(journal: Journal) -> None:
    assert await journal.append([change(A, state="stuck")]) == [True]
    assert await journal.rows([A]) == {}


async def test_a_start_and_a_change_in_one_batch_end_in_the_change(journal: Journal) -> None:
    await journal.append([start(A), change(A, state="blocked")])
    assert (await journal.rows([A]))[A].state == "blocked"


async def test_a_change_before_a_start_counts_if_the_start_is_refused(journal: Journal) -> None:
    await journal.append([start(A)])
    batch = [change(A, state="stuck"), start(A), change(B, state="stuck"), start(B)]
    assert await journal.append(batch) == [True, False, True, True]
    assert await journal.rows([A, B]) == {A: row(A, state="stuck"), B: row(B)}


async def test_a_start_conflicts_with_events_that_nobody_claimed(journal: Journal) -> None:
    await journal.append([Submission(A, shard_of(A), 0, [started()])])
    with pytest.raises(VersionConflict):
        await journal.append([start(A)])
    assert await journal.rows([A]) == {}


@pytest.mark.parametrize("field", ["due", "started", "changed"])
@pytest.mark.parametrize("time", [2**63, -(2**63)])
async def test_a_time_that_no_store_can_hold_names_its_execution(
    journal: Journal, field: str, time: int
) -> None:
    await journal.append([start(A)])
    with pytest.raises(Unstorable, match=f"{B}: the time {time}"):
        await journal.append([step(A, 2), start(B, **{field: time})])
    assert await lengths(journal, A, B) == {A: 2}
    assert await journal.append([step(A, 2), start(B, **{field: 2**63 - 1})]) == [True, True]
    assert getattr((await journal.rows([B]))[B], field) == 2**63 - 1


async def test_text_that_is_no_unicode_is_recorded_with_escapes(journal: Journal) -> None:
    name = "caf\udce9 na\x00me"
    await journal.append([start(A, reason=name)])
    assert (await journal.rows([A]))[A].reason == "caf\\udce9 na\\x00me"


async def test_a_step_behind_a_refused_start_makes_no_gap(journal: Journal) -> None:
    # invariant I2; found by a model of the port: PostgreSQL stored version 3 behind version 1
    await journal.append([replace(start(A), events=[started_with(b"{}")])])
    with pytest.raises(VersionConflict):
        await journal.append([start(A), step(A, 2)])
    assert await lengths(journal, A) == {A: 1}


@pytest.mark.parametrize("executions", [1, 3, 700])
async def test_batches_of_any_size_are_stored(journal: Journal, executions: int) -> None:
    names = [payment(number) for number in range(executions)]
    assert all(await journal.append([start(name) for name in names]))
    for expected in (2, 4):
        assert all(await journal.append([step(name, expected) for name in names]))
    assert await lengths(journal, *names) == dict.fromkeys(names, 6)


async def test_large_payloads_are_stored_byte_for_byte(journal: Journal) -> None:
    large = replace(start(A), events=[started_with(b'"' + b"x" * 2_000_000 + b'"')] * 2)
    odd = replace(start(B), events=[started_with('{"a":1.0,"é":"\\u0000☃"}'.encode())])
    await journal.append([start(C), large, odd])
    streams = await journal.read([A, B, C])
    assert [streams[A], streams[B], streams[C]] == [large.events, odd.events, start(C).events]


async def test_positions_rise_in_the_order_of_appending(journal: Journal, store: Store) -> None:
    await journal.append([start(A), start(B)])
    with pytest.raises(VersionConflict):
        await journal.append([start(C), step(A, 4)])
    await journal.append([step(B, 2), step(A, 2)])
    found = store.recorder().select_notifications(None, 100)
    assert [(each.originator_id, each.originator_version) for each in found] == [
        *[(A, 1), (A, 2), (B, 1), (B, 2)],
        *[(B, 3), (B, 4), (A, 3), (A, 4)],
    ]
    positions = [each.id for each in found]
    assert positions == sorted(set(positions))
