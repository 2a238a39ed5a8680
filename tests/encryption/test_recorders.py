"""Readers of the library have no keys: they are told so, and what they insert is in clear text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent

from perdure import Keys
from perdure.infrastructure.journals import open_journal
from tests.encryption.rings import OLD
from tests.journals.stores import PostgresStore, SQLiteStore, Store
from tests.journals.submissions import payment, start
from tests.postgres.schemas import Lend

A = payment(1)


@pytest.fixture(params=["sqlite", "postgres"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Where rows outlive their process, and are encrypted."""
    store: Store
    if request.param == "postgres":
        lend: Lend = request.getfixturevalue("postgres_lend")
        store = PostgresStore(request.getfixturevalue("postgres_database"), lend())
    else:
        store = SQLiteStore(tmp_path / "payments.db")
    yield store
    store.close()


async def test_a_recorder_hands_out_no_encrypted_row(stored: Store) -> None:
    # behaviour 64
    journal = await open_journal(stored.url, keys=Keys({"old": OLD}))
    await journal.append([start(A)])
    await journal.close()
    recorder = stored.recorder()
    told = (
        f"{A}: event 1 .ExecutionStarted. cannot be read: it is encrypted by the key 'old', and "
        "readers of the library have no keys; read it by a handle's history"
    )
    with pytest.raises(MapperDeserialisationError, match=told):
        recorder.select_events(A)
    with pytest.raises(MapperDeserialisationError, match=told):
        recorder.select_notifications(None, 10)
    recorder.insert_events([StoredEvent("coffee", 1, "CoffeeBrewed", b"{}")])
    assert recorder.select_events("coffee") == [StoredEvent("coffee", 1, "CoffeeBrewed", b"{}")]
