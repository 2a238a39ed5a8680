"""A journal that is put back to a backup, while the engine that made it sleeps, and comes back."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from perdure.domain import events
from perdure.domain.journal import STATES, Scan
from perdure.infrastructure.command_line.restored import unfinished_of
from perdure.infrastructure.journals import open_journal
from perdure.infrastructure.keepers import keeper_of
from perdure.infrastructure.keeping import Verdict
from perdure.infrastructure.postgres.restoring import EPOCH_BITS
from tests.faults.payments import lines
from tests.faults.processes import Shop, Worker
from tests.postgres.databases import Database
from tests.postgres.server import Server, run

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

ORDERS = 120
Backup = Callable[[Worker], Callable[[], None]]


class Backups:
    """Two kinds: the files of a server that was stopped, and a dump of one that goes on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.copy = server.folder / "backup"

    def of_files(self, worker: Worker) -> Callable[[], None]:
        worker.freeze()  # else it would ask for something just while there is no server
        self.server.stop()
        run(Path("cp"), "-Rp", str(self.server.data), str(self.copy))
        self.server.start()
        worker.go_on()
        return self._files_back

    def _files_back(self) -> None:
        self.server.stop()
        shutil.rmtree(self.server.data)
        self.copy.rename(self.server.data)
        self.server.start()

    def of_dump(self, _: Worker) -> Callable[[], None]:
        self._program("pg_dump", "-Fc", "-n", "shop", "-f", str(self.copy))
        return self._dump_back

    def _dump_back(self) -> None:
        Database(self.server.url()).execute("DROP SCHEMA shop CASCADE")
        self._program("pg_restore", "-d", self.server.url(), str(self.copy))

    def _program(self, name: str, *arguments: str) -> None:
        where = () if "-d" in arguments else ("-d", self.server.url())
        run(self.server.programs / name, *where, *arguments)


@pytest.fixture(params=["files", "dump"])
def place(
    request: pytest.FixtureRequest, postgres_server: Callable[..., Server], tmp_path: Path
) -> tuple[Shop, Database, Backup]:
    server = postgres_server()
    backups = Backups(server)
    shop = Shop(tmp_path, f"{server.url()}?schema=shop")
    backup = backups.of_files if request.param == "files" else backups.of_dump
    return shop, Database(server.url()), backup


@contextmanager
def frozen_over_a_restore(shop: Shop, backup: Backup) -> Iterator[Worker]:
    """A worker that went on after the backup, and knows nothing of the restore."""
    with shop.worker(0, ORDERS) as old:
        read_ends(old, 10)
        restore = backup(old)
        read_ends(old, 40)
        old.freeze()
        restore()
        yield old


def read_ends(worker: Worker, count: int) -> None:
    while sum(line.startswith("ended") for line in worker.told) < count:
        assert worker.read(), worker.told[-3:]


async def check_once_each(url: str, ledger: Path) -> None:
    """Every order that is recorded has one end, and nothing was done twice."""
    effects = [line["key"] for line in lines(ledger) if line["what"] == "effect"]
    assert len(effects) == len(set(effects))
    journal = await open_journal(url, read_only=True)
    rows = await journal.scan(Scan(states=STATES, everything=True, limit=ORDERS + 1))
    streams = await journal.read([row.execution_id for row in rows])
    await journal.close()
    assert len(streams) == ORDERS
    for stream in streams.values():
        assert isinstance(stream, list)
        ends = [each for each in stream if isinstance(each, events.TERMINAL)]
        assert ends == stream[-1:]


def check_whole(url: str) -> None:
    found = {each.check: each for each in keeper_of(url).examine(everything=True)}
    whole = [found[name].verdict for name in ("positions", "streams", "index", "tables")]
    assert whole == [Verdict.OK] * 4


def of_before(database: Database) -> list[tuple[Any, ...]]:
    """Events that runners of before the restore have appended."""
    return database.execute(
        "SELECT shard, position, execution_id, version FROM shop.events, shop.journal"
        " WHERE epoch < incarnation << %s ORDER BY 1, 2",
        EPOCH_BITS,
    )


async def test_an_engine_that_slept_over_a_restore_does_nothing_more(
    place: tuple[Shop, Database, Backup],
) -> None:
    # behaviours 49, 79
    shop, database, backup = place
    with frozen_over_a_restore(shop, backup) as old:
        assert keeper_of(shop.url).begin_anew().startswith("incarnation ")
        stored = of_before(database)
        shop.finish(0, ORDERS)
        done = lines(shop.ledger)
        old.go_on()
        old.read_all()
        assert old.process.wait() == 0
    assert lines(shop.ledger) == done
    assert stored
    assert of_before(database) == stored
    await check_once_each(shop.url, shop.ledger)
    check_whole(shop.url)


async def test_an_engine_that_wakes_before_the_new_one_is_fenced_too(
    place: tuple[Shop, Database, Backup],
) -> None:
    # behaviours 49, 79
    shop, database, backup = place
    with frozen_over_a_restore(shop, backup) as old:
        keeper_of(shop.url).begin_anew()
        stored = of_before(database)
        with shop.worker(0, ORDERS) as new:
            new.read_until("open")
            old.go_on()
            new.read_all()
            assert new.process.wait() == 0
        old.read_all()
        assert old.process.wait() == 0
    assert of_before(database) == stored
    await check_once_each(shop.url, shop.ledger)
    check_whole(shop.url)


@pytest.mark.parametrize("place", ["files"], indirect=True)
def test_attempts_that_a_backup_has_begun_are_told(
    place: tuple[Shop, Database, Backup],
) -> None:
    shop, database, backup = place
    with shop.worker(0, 3, "after charge") as old:
        old.read_until("after charge", times=3)
        restore = backup(old)
        old.kill()
    restore()
    [before] = database.execute("SELECT max(epoch) FROM shop.shard_lease")
    keeper_of(shop.url).begin_anew()
    [after] = database.execute("SELECT min(epoch) FROM shop.shard_lease")
    assert after[0] - before[0] >= 1 << 32
    assert database.execute("SELECT FROM shop.runner") == []
    told = {
        (each.row.execution_id, attempt.activity, attempt.attempt, attempt.idempotency_key)
        for each in unfinished_of(shop.url)
        for attempt in each.attempts
    }
    charged = {
        (f"process_payment@{line['order']}", "charge_credit_card", line["attempt"], line["key"])
        for line in lines(shop.ledger)
        if line["step"] == "charge"
    }
    assert told == charged
    assert len(charged) == 3, json.dumps(sorted(charged))


@pytest.mark.parametrize("place", ["files"], indirect=True)
async def test_each_restore_of_one_backup_has_epochs_of_its_own(
    place: tuple[Shop, Database, Backup],
) -> None:
    shop, database, _ = place
    shop.finish(0, 1)
    epochs = []
    for _ in range(3):
        keeper_of(shop.url).begin_anew()
        epochs.append(database.execute("SELECT min(epoch), max(epoch) FROM shop.shard_lease")[0])
    assert all(low == high for low, high in epochs)
    assert epochs == sorted(set(epochs))
