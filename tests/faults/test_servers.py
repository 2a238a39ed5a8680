"""Servers that crash, connections that are ended, networks that are away, under real workers."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.faults.audit import check_books
from tests.faults.processes import Shop, Worker
from tests.postgres.databases import Database
from tests.postgres.proxy import Proxy
from tests.postgres.server import Server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(150)]
ORDERS = 80
CONNECTIONS = ("writer", "lease", "reader", "hints")  # what renews is one of the lease's
WEAK = {"default_transaction_isolation": "serializable", "synchronous_commit": "off"}


class Place:
    """A shop whose journal has a schema of its own on a server, perhaps behind a proxy."""

    def __init__(self, folder: Path, address: str, server: str) -> None:
        self.schema = f"s{uuid4().hex}"
        self.shop = Shop(folder, f"{address}?schema={self.schema}")
        self.audited = f"{server}?schema={self.schema}"
        self._server = server

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        options = f"-c search_path={self.schema}"
        with psycopg.connect(self._server, autocommit=True, options=options) as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []

    def end(self, name: str) -> int:
        """Ends the workers' connections of this kind; how many."""
        [(count,)] = self.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE starts_with(application_name, %s) AND datname = current_database()",
            f"perdure {name}",
        )
        return int(str(count))

    def wait_until_the_lease_is_over(self) -> None:
        while self.execute("SELECT 1 FROM runner WHERE expires_at > clock_timestamp()"):
            pass

    def wait_until_somebody_waits(self) -> None:
        """For the lease of the first one: both listen to hints then."""
        hints = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'perdure hints'"
        while len(self.execute(hints)) < 2:
            pass

    async def check(self, orders: int) -> None:
        """Every order is there and ended once, and streams and shards are without gaps."""
        assert await check_books(self.audited, self.shop.ledger) == set(range(orders))
        for key, number in (("execution_id", "version"), ("shard", "position")):
            torn = self.execute(
                f"SELECT {key} FROM events GROUP BY {key} "
                f"HAVING count(*) <> max({number}) OR min({number}) <> 1"
            )
            assert torn == []


@contextmanager
def working(place: Place, orders: int = ORDERS) -> Iterator[Worker]:
    """A worker on all orders that has to end by itself."""
    with place.shop.worker(0, orders) as worker:
        yield worker
        worker.read_all()
        assert worker.process.wait() == 0


def ended(worker: Worker) -> int:
    return sum(line.startswith("ended") for line in worker.told)


def read_until_ended(worker: Worker, count: int) -> None:
    while ended(worker) < count:
        assert worker.read()


@pytest.mark.parametrize("settings", [{"fsync": "on"}, WEAK], ids=["durable", "weak"])
async def test_a_server_that_crashes_again_and_again_in_mid_run_loses_nothing(
    tmp_path: Path, postgres_server: Callable[..., Server], settings: dict[str, str]
) -> None:
    # behaviours 1, 51
    server = postgres_server(**settings)
    place = Place(tmp_path, server.url(), server.url())
    with working(place, 3 * ORDERS) as worker:
        for line in ("after total", "after charge", "before ship"):
            worker.read_until(line)
            server.restart("immediate")
            assert place.execute("SELECT 1 FROM executions WHERE state = 'running'")
    await place.check(3 * ORDERS)


async def test_a_server_that_crashes_while_a_dead_worker_is_succeeded_loses_nothing(
    tmp_path: Path, postgres_server: Callable[..., Server]
) -> None:
    # behaviours 50, 51
    server = postgres_server(fsync="on")
    place = Place(tmp_path, server.url(), server.url())
    with place.shop.worker(0, ORDERS, "after charge") as first:
        first.read_until("after charge", times=ORDERS // 2)
        with working(place) as second:
            first.freeze()
            place.wait_until_somebody_waits()
            server.restart("immediate")
            second.read_until("open")
            server.restart("immediate")  # it takes up what was in flight
            read_until_ended(second, 1)
            server.restart("immediate")
        first.kill()
    await place.check(ORDERS)


async def test_connections_that_are_ended_one_after_another_come_back(
    tmp_path: Path, postgres: Database, record_property: Callable[[str, object], None]
) -> None:
    # behaviour 51
    place = Place(tmp_path, postgres.url, postgres.url)
    chance, times = random.Random(11), Counter[str]()
    with working(place) as worker:
        worker.read_until("open")
        while worker.read():
            name = chance.choice(CONNECTIONS)
            times[name] += place.end(name)
    await place.check(ORDERS)
    assert all(times[name] for name in CONNECTIONS), times
    record_property("summary", f"{times.total()} connections were ended in one run")


@pytest.mark.parametrize("fault", ["away", "silent", "deaf"])
async def test_a_network_that_fails_for_longer_than_a_lease_loses_nothing(
    tmp_path: Path, postgres: Database, fault: str
) -> None:
    # behaviours 51, 78
    with Proxy(postgres.url) as proxy:
        place = Place(tmp_path, proxy.url, postgres.url)
        with working(place) as worker:
            for count in (1, ORDERS // 2):
                read_until_ended(worker, count)
                if fault == "away":
                    proxy.refuse()
                    proxy.cut()
                elif fault == "silent":
                    proxy.silence()
                else:
                    proxy.swallow_replies()
                if fault == "deaf":
                    assert proxy.lost.wait(10)  # what is sent is carried out
                else:
                    place.wait_until_the_lease_is_over()
                proxy.heal()
        await place.check(ORDERS)


async def test_a_network_that_fails_for_one_of_two_workers_lets_the_other_go_on(
    tmp_path: Path, postgres: Database
) -> None:
    # behaviours 49, 50, 78
    with Proxy(postgres.url) as proxy:
        place = Place(tmp_path, proxy.url, postgres.url)
        near = Shop(tmp_path, place.audited)
        with working(place) as cut_off:
            read_until_ended(cut_off, 5)
            proxy.silence()
            near.finish(0, ORDERS)
            proxy.heal()
        await place.check(ORDERS)
