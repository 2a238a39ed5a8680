"""How an owner notices others on its file, and gives way to them; how news travels to a loop."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from perdure.infrastructure.news import News
from perdure.infrastructure.sqlite.watch import Watch

PATIENCE_SECONDS = 10


class Waits(threading.Event):
    """Notes how long it was asked to wait, and does not."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.asked.append(timeout)
        return False


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "file.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE things (name TEXT)")
        yield connection


@pytest.fixture
def other(owner: sqlite3.Connection, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "file.db", isolation_level=None)) as connection:
        yield connection


def write(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO things VALUES ('lamp')")


async def is_told(news: News) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await news.heard()
    except TimeoutError:
        return False
    return True


async def test_only_what_others_write_is_news(
    owner: sqlite3.Connection, other: sqlite3.Connection
) -> None:
    watch = Watch()
    watch.look(owner)
    assert await is_told(watch.news)  # what was there before
    for _ in range(3):
        write(owner)
        watch.flushed(owner)
        assert not await is_told(watch.news)
    other.execute("SELECT * FROM things").fetchall()
    watch.look(owner)
    assert not await is_told(watch.news)
    write(other)
    write(owner)
    watch.flushed(owner)
    assert await is_told(watch.news)


def test_it_pauses_between_flushes_only_while_others_have_been_seen(
    owner: sqlite3.Connection, other: sqlite3.Connection
) -> None:
    watch, waits = Watch(), Waits()
    watch._never = waits
    for _ in range(3):
        watch.give_way()
        write(owner)
        watch.flushed(owner)
    assert waits.asked == []
    write(other)
    watch.flushed(owner)
    watch.give_way()
    assert all(0 < seconds <= 0.0005 for seconds in waits.asked)
    watch._seen -= 2_000_000  # two seconds later
    waits.asked.clear()
    watch.give_way()
    assert waits.asked == []
    assert not watch._seen


async def test_news_reaches_a_loop_from_any_thread() -> None:
    news = News()
    await news.heard()
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(200):
            teller = threading.Thread(target=news.tell)
            listening = asyncio.create_task(news.heard())
            teller.start()
            await listening
            teller.join()
    assert not await is_told(news)


async def test_news_is_not_lost_when_a_listener_leaves() -> None:
    news = News()
    await news.heard()
    leaving = asyncio.create_task(news.heard())
    await asyncio.sleep(0)
    news.tell()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert await is_told(news)


def test_news_for_a_loop_that_is_closed_harms_nobody() -> None:
    news = News()

    async def leave() -> None:
        await news.heard()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(news.heard(), 0.001)

    asyncio.run(leave())
    news.tell()
    news.tell()
    assert asyncio.run(is_told(news))
