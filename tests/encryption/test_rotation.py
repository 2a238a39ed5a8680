"""Keys that change: while an engine runs, between engines, and one that is gone and comes back."""

import asyncio
import logging
from pathlib import Path

import pytest

from perdure import (
    BadKeys,
    ExecutionParked,
    KeyFile,
    Keys,
    NoKeys,
    Undecodable,
    connect,
    open_engine,
)
from perdure.blocking import connect as connect_blocking
from perdure.domain.states import BlockedByCode
from perdure.infrastructure.journals import open_journal
from tests.encryption.rings import NEW, OLD, file_of
from tests.encryption.stores import Stolen, in_flight
from tests.engine.places import OnServer, turn
from tests.engine.shop import find, world
from tests.postgres.schemas import Lend

RING = Keys({"old": OLD})
ROTATED = Keys({"new": NEW, "old": OLD})
WITHOUT = Keys({"new": NEW})

LOST = (
    "event 1 (ExecutionStarted) cannot be read (it is encrypted by the key 'old', which the ring "
    "that is given here does not have; put it back into the ring)"
)
NO_KEYS = (
    "what is stored there is encrypted, and no keys are given; set PERDURE_KEYS or "
    "PERDURE_KEY_FILE, or hand over keys="
)


def keys_of(stolen: Stolen, order_id: str) -> list[object]:
    """The ids of the keys of its events, in their order."""
    rows = stolen.execute(
        "SELECT key_id FROM events WHERE execution_id = %s ORDER BY version", f"find@{order_id}"
    )
    return [key_id for (key_id,) in rows]


async def test_a_ring_that_is_replaced_is_used_without_a_restart(
    stolen: Stolen, tmp_path: Path
) -> None:
    # behaviour 64
    path = file_of(tmp_path / "keys.json", "old", old=OLD)
    gate = world.hold("price")
    async with stolen.place.engine(find, keys=KeyFile(path)) as engine:
        handle = await engine.start(find, "o-1")
        await gate.entered()
        file_of(path, "new", old=OLD, new=NEW)
        gate.open()
        assert await handle.result(timeout=10) == "the price"
        assert [event.kind for event in await handle.history()][-1] == "ExecutionSucceeded"
    found = keys_of(stolen, "o-1")
    assert (found[0], found[-1]) == ("old", "new")


async def test_a_ring_that_was_rotated_between_engines_reads_what_is_older(stolen: Stolen) -> None:
    # behaviour 64
    await in_flight(stolen, RING, "o-1")
    async with stolen.place.engine(find, keys=ROTATED) as engine:
        assert await engine.handle("find@o-1").result(timeout=10) == "the price"
    assert {"old", "new"} == set(keys_of(stolen, "o-1"))


async def test_what_needs_a_lost_key_is_parked_alone_and_resumed_with_it(
    stolen: Stolen, tmp_path: Path
) -> None:
    # behaviour 64
    await in_flight(stolen, RING, "o-1")
    path = file_of(tmp_path / "keys.json", "new", new=NEW)
    async with stolen.place.engine(find, keys=KeyFile(path)) as engine:
        handle = engine.handle("find@o-1")
        with pytest.raises(ExecutionParked, match="the key 'old'") as parked:
            await handle.result(timeout=10)
        assert parked.value.state == "blocked"
        state = await handle.status()
        assert isinstance(state, BlockedByCode)
        assert LOST in state.reason
        assert await (await engine.start(find, "o-2")).result(timeout=10) == "the price"
        file_of(path, "new", old=OLD, new=NEW)
        await handle.resume()
        assert await handle.result(timeout=10) == "the price"


async def test_what_needed_a_lost_key_goes_on_by_itself_in_an_engine_that_has_it(
    stolen: Stolen,
) -> None:
    # behaviour 64
    await in_flight(stolen, RING, "o-1")
    async with stolen.place.engine(find, keys=WITHOUT) as engine:
        with pytest.raises(ExecutionParked):
            await engine.handle("find@o-1").result(timeout=10)
    async with stolen.place.engine(find, keys=ROTATED) as engine:
        assert await engine.handle("find@o-1").result(timeout=10, on_parked="wait") == "the price"


async def test_a_journal_from_before_its_keys_goes_on_with_them(stolen: Stolen) -> None:
    # behaviour 64
    gate = world.hold("price")
    async with stolen.place.engine(find) as engine:
        await engine.start(find, "o-1")
        await gate.entered()
        stolen.crash()
    world.release("price")
    async with stolen.place.engine(find, keys=RING) as engine:
        assert await engine.handle("find@o-1").result(timeout=10) == "the price"
    assert set(keys_of(stolen, "o-1")) == {None, "old"}


async def test_an_encrypted_journal_takes_nothing_from_whoever_has_no_keys(stolen: Stolen) -> None:
    # behaviour 64
    await in_flight(stolen, RING, "o-1")
    before = stolen.execute("SELECT * FROM events ORDER BY execution_id, version")
    with pytest.raises(NoKeys) as refused:
        async with open_engine(stolen.place.url, [find]):
            pass
    assert str(refused.value).partition(": ")[2] == NO_KEYS
    with pytest.raises(NoKeys):
        async with connect(stolen.place.url):
            pass
    with pytest.raises(NoKeys):
        await asyncio.to_thread(connect_blocking, stolen.place.url)
    journal = await open_journal(stolen.place.url, read_only=True)
    row = (await journal.rows(["find@o-1"]))["find@o-1"]
    stream = (await journal.read(["find@o-1"]))["find@o-1"]
    await journal.close()
    assert row.state == "running"
    assert "no keys are given here; set PERDURE_KEYS or PERDURE_KEY_FILE" in str(stream)
    assert stolen.execute("SELECT * FROM events ORDER BY execution_id, version") == before


async def test_a_client_with_keys_makes_a_journal_that_needs_them(stolen: Stolen) -> None:
    # behaviour 64
    async with connect(stolen.place.url, keys=RING) as client:
        handle = await client.start(find, "o-1")
        with pytest.raises(NoKeys):
            async with stolen.place.engine(find):
                pass
        async with stolen.place.engine(find, keys=RING):
            assert await handle.result(timeout=10) == "the price"


def test_a_blocking_client_has_keys_too(stolen: Stolen) -> None:
    # behaviour 64
    with connect_blocking(stolen.place.url, keys=RING) as client:
        client.start(find, "o-1")
    [(body,)] = stolen.execute("SELECT body FROM mailbox")
    assert str(body).startswith("sealed:old:")


async def test_an_order_whose_key_is_not_there_yet_stays_and_is_carried_out_with_it(
    stolen: Stolen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviour 64
    path = file_of(tmp_path / "keys.json", "old", old=OLD)
    async with (
        stolen.place.engine(find, keys=KeyFile(path)),
        connect(stolen.place.url, keys=ROTATED) as client,
        connect(stolen.place.url, keys=RING) as older,
    ):
        handle = await client.start(find, "o-1")
        with caplog.at_level(logging.WARNING, "perdure"):
            await told(caplog, "waits for its key")
            assert await older.execute(find, "o-2", timeout=10) == "the price"
        lines = [line for line in caplog.messages if "waits for its key" in line]
        file_of(path, "new", old=OLD, new=NEW)
        assert await handle.result(timeout=10) == "the price"
    [line] = lines
    assert "find@o-1: an order to start stays open" in line
    assert "encrypted by the key 'new', which the ring that is given here does not have" in line


async def told(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Returns once the log has said so."""
    async with asyncio.timeout(10):
        while not any(text in line for line in caplog.messages):
            await turn()


async def test_a_reply_that_a_client_has_no_key_for_says_so(stolen: Stolen) -> None:
    async with (
        stolen.place.engine(find, keys=ROTATED),
        connect(stolen.place.url, keys=RING) as client,
    ):
        handle = await client.start(find, "o-1")
        with pytest.raises(
            Undecodable, match="the reply to the order to start cannot be read"
        ) as no:
            await handle.accepted()
    assert "the key 'new'" in str(no.value)


class Failing:
    """A ring whose source is away for a while."""

    def __init__(self) -> None:
        self.away = False

    def current(self) -> tuple[str, bytes]:
        if self.away:
            raise BadKeys("the service is away")
        return "old", OLD

    def key(self, key_id: str) -> bytes | None:
        return OLD if key_id == "old" else None


async def test_a_ring_that_fails_holds_up_what_is_to_be_stored_and_loses_nothing(
    stolen: Stolen, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviour 64
    ring, gate = Failing(), world.hold("price")
    async with stolen.place.engine(find, keys=ring) as engine:
        handle = await engine.start(find, "o-1")
        await gate.entered()
        ring.away = True
        gate.open()
        await told(caplog, "nothing can be stored without a key: the service is away")
        ring.away = False
        assert await handle.result(timeout=10) == "the price"
    assert world.steps == ["price"]


async def test_an_engine_that_waits_without_keys_does_not_take_over_what_got_some(
    postgres_database: str, postgres_lend: Lend, caplog: pytest.LogCaptureFixture
) -> None:
    # behaviour 64
    place = OnServer(postgres_database, postgres_lend)

    async def second() -> None:
        async with place.engine(find):
            pass

    async with place.engine(find):
        waiting = asyncio.create_task(second())
        await told(caplog, "owns the journal; waiting for its end")
        async with connect(place.url, keys=RING):
            pass
    with pytest.raises(NoKeys):
        await asyncio.wait_for(waiting, 10)
