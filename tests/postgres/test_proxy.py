"""What the proxy does to connections of psycopg, before the real server."""

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.postgres.databases import Database
from tests.postgres.proxy import Proxy
from tests.postgres.server import Server

SECONDS = 10


@pytest.fixture
def orders(postgres: Database) -> Database:
    postgres.execute("CREATE TABLE orders (id text PRIMARY KEY)")
    return postgres


@pytest.fixture
def proxy(orders: Database) -> Iterator[Proxy]:
    with Proxy(orders.url) as proxy:
        yield proxy


def connected(proxy: Proxy, *, autocommit: bool = True) -> psycopg.Connection:
    return psycopg.connect(proxy.url, autocommit=autocommit, connect_timeout=SECONDS)


def place(connection: psycopg.Connection, order: str) -> None:
    connection.execute("INSERT INTO orders VALUES (%s)", [order])


def placed(orders: Database) -> list[str]:
    return [order for (order,) in orders.execute("SELECT id FROM orders ORDER BY id")]


def test_what_is_sent_arrives_large_or_small(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        large = "x" * 5_000_000
        assert connection.execute("SELECT %s", [large]).fetchone() == (large,)


def test_a_cut_ends_all_connections_and_lets_new_ones_in(proxy: Proxy) -> None:
    with connected(proxy) as first, connected(proxy) as second:
        proxy.cut()
        for connection in (first, second):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
    with connected(proxy) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_new_connections_are_refused_while_old_ones_go_on(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        proxy.refuse()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            connected(proxy)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    proxy.heal()
    with connected(proxy) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_reply_to_a_commit_is_lost_and_the_commit_is_not(
    proxy: Proxy, orders: Database
) -> None:
    with connected(proxy, autocommit=False) as connection:
        place(connection, "order-1")
        proxy.lose_reply(b"COMMIT")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    assert proxy.lost.is_set()
    assert placed(orders) == ["order-1"]


def test_a_commit_is_lost_before_the_server_has_it(proxy: Proxy, orders: Database) -> None:
    with connected(proxy, autocommit=False) as connection:
        place(connection, "order-1")
        proxy.lose_request(b"COMMIT")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    assert proxy.lost.is_set()
    assert placed(orders) == []


def test_only_the_next_reply_of_its_kind_is_lost(proxy: Proxy, orders: Database) -> None:
    with connected(proxy, autocommit=False) as connection:
        place(connection, "order-1")
        connection.commit()
        proxy.lose_reply(b"COMMIT")
        place(connection, "order-2")
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
    with connected(proxy, autocommit=False) as connection:
        place(connection, "order-3")
        connection.commit()
    assert placed(orders) == ["order-1", "order-2", "order-3"]


def test_replies_are_swallowed_until_it_heals(proxy: Proxy, orders: Database) -> None:
    raised: list[Exception] = []

    def insert(connection: psycopg.Connection) -> None:
        try:
            place(connection, "order-1")
        except psycopg.OperationalError as error:
            raised.append(error)

    with connected(proxy) as connection:
        proxy.swallow_replies()
        client = threading.Thread(target=insert, args=[connection])
        client.start()
        assert proxy.lost.wait(SECONDS)
        assert placed(orders) == ["order-1"]
        assert client.is_alive()  # waits for its answer
        proxy.heal()
        client.join(SECONDS)
    assert len(raised) == 1
    assert not proxy.lost.is_set()


def test_silence_holds_everything_until_it_heals(proxy: Proxy, orders: Database) -> None:
    with connected(proxy) as connection:
        proxy.silence()
        client = threading.Thread(target=place, args=[connection, "order-1"])
        client.start()
        client.join(0.1)
        assert client.is_alive()
        assert placed(orders) == []
        proxy.heal()
        client.join(SECONDS)
        assert not client.is_alive()
    assert placed(orders) == ["order-1"]


def test_a_delay_is_there_each_way(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        proxy.delay(0.05)
        started = time.monotonic()
        connection.execute("SELECT 1")
        assert time.monotonic() - started >= 0.1
        proxy.heal()


async def test_it_serves_async_connections_of_the_loop_that_waits(proxy: Proxy) -> None:
    async with await psycopg.AsyncConnection.connect(proxy.url, autocommit=True) as connection:
        cursor = await connection.execute("SELECT 1")
        assert await cursor.fetchone() == (1,)


def test_a_server_that_is_down_is_told_by_a_reset(postgres_server: Callable[[], Server]) -> None:
    server = postgres_server()
    with Proxy(server.url()) as proxy:
        server.stop("immediate")
        with pytest.raises(psycopg.OperationalError):
            connected(proxy)
        server.start()
        with connected(proxy) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
