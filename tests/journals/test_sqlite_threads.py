"""The threads of a journal in a file, and the lock that lasts until the one that writes is over."""

import asyncio
import errno
import fcntl
import gc
import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from perdure import WorkflowEngine, open_engine, workflow
from perdure.domain.errors import JournalError, JournalInUse, JournalUnavailable
from perdure.infrastructure.sqlite import journal as journals
from perdure.infrastructure.sqlite.connection import Synchronous
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from perdure.infrastructure.sqlite.lock import EngineLock
from tests.journals.stores import SQLiteStore

DEADLINE_SECONDS = 10.0


class Gate:
    """Where a thread of a journal waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self, _: object = None) -> None:
        self.reached.set()
        assert self.opened.wait(DEADLINE_SECONDS)

    async def is_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, DEADLINE_SECONDS)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


async def busy(sqlite: SQLiteStore, gate: Gate) -> SQLiteJournal:
    """A journal whose writer is about something."""
    journal = await sqlite.open()
    assert isinstance(journal, SQLiteJournal)
    assert journal._writer is not None
    journal._writer.run(gate.wait)
    await gate.is_reached()
    return journal


def thread_of(sqlite: SQLiteStore, name: str) -> threading.Thread:
    names = {each.name: each for each in threading.enumerate()}
    return names[f"{sqlite.path} ({name})"]


async def assert_locked(sqlite: SQLiteStore) -> None:
    with pytest.raises(JournalInUse):
        await sqlite.open()


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task], timeout=DEADLINE_SECONDS)
    assert task.cancelled()


async def test_every_close_waits_for_the_writer_and_the_lock_with_it(
    sqlite: SQLiteStore, gate: Gate
) -> None:
    journal = await busy(sqlite, gate)
    reader = thread_of(sqlite, "reader")
    first = asyncio.create_task(journal.close())
    await asyncio.sleep(0)
    await asyncio.to_thread(reader.join, DEADLINE_SECONDS)
    await asyncio.wait([first], timeout=0.01)  # it has come to the writer
    await cancelled(first)
    others = [asyncio.create_task(journal.close()) for _ in range(2)]
    await asyncio.wait(others, timeout=0.01)
    await assert_locked(sqlite)
    assert not any(other.done() for other in others)
    gate.opened.set()
    await asyncio.wait_for(asyncio.gather(*others), DEADLINE_SECONDS)
    await (await sqlite.open()).close()


async def test_an_abandoned_writer_keeps_the_lock_until_it_is_done(
    sqlite: SQLiteStore, gate: Gate
) -> None:
    journal = await busy(sqlite, gate)
    writer = thread_of(sqlite, "writer")
    del journal
    gc.collect()
    await assert_locked(sqlite)
    gate.opened.set()
    await asyncio.to_thread(writer.join, DEADLINE_SECONDS)
    await (await sqlite.open()).close()


async def test_a_cancelled_open_keeps_the_lock_until_its_thread_is_done(
    sqlite: SQLiteStore, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = journals.connect_writer

    def slow(path: Path, synchronous: Synchronous, *, seals: bool) -> sqlite3.Connection:
        gate.wait()
        return connect(path, synchronous, seals=seals)

    monkeypatch.setattr(journals, "connect_writer", slow)
    opening = asyncio.create_task(sqlite.open())
    await gate.is_reached()
    opening.cancel()
    await asyncio.sleep(0)
    await assert_locked(sqlite)
    gate.opened.set()
    await asyncio.wait([opening], timeout=DEADLINE_SECONDS)
    assert opening.cancelled()
    await (await sqlite.open()).close()


@pytest.mark.parametrize("name", ["writer", "reader"])
async def test_a_thread_that_cannot_be_started_is_told_and_leaves_no_lock(
    sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if f"({name})" in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        with pytest.raises(JournalUnavailable, match=rf"payments\.db.*{name}.*start new thread"):
            await asyncio.wait_for(sqlite.open(), DEADLINE_SECONDS)
    await (await sqlite.open()).close()


class Unclosable(sqlite3.Connection):
    def close(self) -> None:
        super().close()
        raise sqlite3.OperationalError("the disk is gone")


async def test_a_connection_that_cannot_be_closed_is_told_and_leaves_no_lock(
    sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def unclosable(*arguments: object, **options: object) -> sqlite3.Connection:
        made: Callable[..., sqlite3.Connection] = connect
        return made(*arguments, factory=Unclosable, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", unclosable)
        journal = await sqlite.open()
    for _ in range(2):
        with pytest.raises(JournalError, match=r"the disk is gone.* while closing"):
            await asyncio.wait_for(journal.close(), DEADLINE_SECONDS)
    await (await sqlite.open()).close()


class Payment(BaseModel):
    order_id: str


@workflow(key="order_id")
async def process_payment(request: Payment) -> None:
    pass


async def test_an_engine_that_is_interrupted_on_closing_lets_the_next_one_in(
    sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupted(engine: WorkflowEngine) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(WorkflowEngine, "close", interrupted)
        with pytest.raises(asyncio.CancelledError):
            async with open_engine(sqlite.url, [process_payment]):
                pass
    async with open_engine(sqlite.url, [process_payment]) as engine:
        await engine.execute(process_payment, Payment(order_id="1"))


def test_a_file_system_without_locks_is_not_taken_for_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(JournalUnavailable, match=r"cannot lock payments\.db\.engine.*No locks"):
        EngineLock(tmp_path / "payments.db")


def test_a_system_without_locks_is_told_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(JournalUnavailable, match=r"no locks on files.*use Linux or macOS"):
        EngineLock(tmp_path / "payments.db")


def test_a_process_has_one_hook_for_forks_however_many_journals_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    EngineLock(tmp_path / "first.db").release()
    hooks: list[object] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **hook: hooks.append(hook))
    for _ in range(3):
        EngineLock(tmp_path / "payments.db").release()
    assert hooks == []
