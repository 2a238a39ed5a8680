"""Our recorders beside a journal: what the library's readers see, and what they may not do."""

from pathlib import Path

import pytest
from eventsourcing.persistence import (
    IntegrityError,
    MapperDeserialisationError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.sqlite import SQLiteDatastore

from perdure.domain.errors import VersionConflict
from perdure.domain.journal import Journal
from perdure.infrastructure.mapper import EventMapper, Recorded
from perdure.infrastructure.sqlite.recorder import SQLiteRecorder
from tests.journals.stores import SQLiteStore, Store
from tests.journals.submissions import charging, lengths, payment, start, started, step

A, B = payment(1), payment(2)


async def test_readers_of_the_library_see_what_the_journal_stored(
    journal: Journal, store: Store
) -> None:
    await journal.append([start(A), start(B), step(A, 2)])
    recorder, mapper = store.recorder(), EventMapper()
    stream = [mapper.to_domain_event(each) for each in recorder.select_events(A, lte=2)]
    assert stream == [Recorded(A, 1, started()), Recorded(A, 2, charging(1))]
    assert len(recorder.select_events(A)) == 4
    begun = recorder.select_notifications(None, 10, topics=["ExecutionStarted"])
    assert [each.originator_id for each in begun] == [A, B]
    assert recorder.max_notification_id() == 6


async def test_a_subscription_sees_what_the_journal_stores_later(
    journal: Journal, store: Store
) -> None:
    with store.recorder().subscribe(gt=0) as subscription:
        await journal.append([start(A)])
        seen = [next(subscription) for _ in range(2)]
    assert [each.topic for each in seen] == ["ExecutionStarted", "ActivityStarted"]


async def test_an_event_inserted_beside_the_journal_ends_in_its_conflict(
    journal: Journal, store: Store
) -> None:
    await journal.append([start(A)])
    mapper = EventMapper()
    stored = mapper.to_stored_event(Recorded(A, 3, charging(2)))
    if store.waits:  # whoever appends has to own it
        with pytest.raises(OperationalError, match="owns the journal"):
            store.recorder().insert_events([stored])
        assert await journal.append([step(A, 2)]) == [True]
        return
    assert store.recorder().insert_events([stored]) == [3]
    with pytest.raises(VersionConflict):
        await journal.append([step(A, 2)])
    assert await lengths(journal, A) == {A: 3}


async def test_a_recorder_refuses_a_gap(journal: Journal, store: Store) -> None:
    await journal.append([start(A)])
    await journal.close()
    with pytest.raises(IntegrityError, match=A):
        store.recorder().insert_events([StoredEvent(A, 5, "CoffeeBrewed", b"{}")])


async def test_a_recorder_puts_no_event_before_the_first(journal: Journal, store: Store) -> None:
    await journal.append([start(A)])
    await journal.close()
    with pytest.raises(IntegrityError, match=A):
        store.recorder().insert_events([StoredEvent(A, 0, "CoffeeBrewed", b"{}")])
    assert len(store.recorder().select_events(A)) == 2


async def test_bodies_may_be_empty(journal: Journal, store: Store) -> None:
    await journal.append([])
    await journal.close()
    stored = [StoredEvent("coffee", version, "CoffeeBrewed", b"") for version in (0, 1)]
    recorder = store.recorder()
    recorder.insert_events(stored)
    assert recorder.select_events("coffee") == stored


@pytest.mark.parametrize(
    ("column", "value", "told"), [("format", 9, "in format 9"), ("key_id", "k1", "key 'k1'")]
)
async def test_a_recorder_hands_out_no_row_that_another_version_wrote(
    sqlite: SQLiteStore, column: str, value: object, told: str
) -> None:
    journal = await sqlite.open()
    await journal.append([start(A), start(B)])
    await journal.close()
    sqlite.execute(f"UPDATE events SET {column} = ? WHERE notification_id = 2", (value,))
    recorder = sqlite.recorder()
    with pytest.raises(MapperDeserialisationError, match=f"{A}: event 2 .*{told}"):
        recorder.select_events(A)
    with pytest.raises(MapperDeserialisationError, match=told):
        recorder.select_notifications(None, 10)
    assert len(recorder.select_events(B)) == len(recorder.select_notifications(3, 10)) == 2
    with (
        recorder.subscribe(gt=0) as subscription,
        pytest.raises(MapperDeserialisationError, match=told),
    ):
        [next(subscription) for _ in range(2)]


def test_the_mapper_names_what_it_cannot_read() -> None:
    with pytest.raises(MapperDeserialisationError, match=f"{A}: event 3.*CoffeeBrewed"):
        EventMapper().to_domain_event(StoredEvent(A, 3, "CoffeeBrewed", b"{}"))


def test_a_datastore_of_uuids_is_refused(tmp_path: Path) -> None:
    datastore = SQLiteDatastore(str(tmp_path / "payments.db"))
    with pytest.raises(ProgrammingError, match="text"):
        SQLiteRecorder(datastore)
    datastore.close()
