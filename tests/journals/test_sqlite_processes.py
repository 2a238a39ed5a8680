"""A file between processes: one engine at a time, whoever dies; rights, limits and forks."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from perdure.domain.errors import JournalInUse
from perdure.domain.journal import Scan
from perdure.infrastructure.journals import open_journal
from tests.journals.stores import SQLiteStore
from tests.journals.submissions import lengths, payment, start, step

ROOT = Path(__file__).parents[2]
Visitor = subprocess.Popen[str]


@contextmanager
def visit(what: str, url: str) -> Iterator[Visitor]:
    """A process of tests.journals.visits; killed at the end if it still lives."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.journals.visits", what, url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def next_fact(process: Visitor) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the other process ended with {process.wait()}"
    facts: dict[str, Any] = json.loads(line)
    return facts


async def test_a_second_engine_is_told_of_the_first_until_that_is_killed(
    sqlite: SQLiteStore,
) -> None:
    with visit("stay", sqlite.url) as other:
        assert next_fact(other) == {"open": True}
        with pytest.raises(JournalInUse) as raised:
            await sqlite.open()
        assert f"{sqlite.path}: another engine (process {other.pid}) has it" in str(raised.value)
        visitor = await sqlite.open(read_only=True)
        assert await visitor.scan(Scan()) == []
        await visitor.close()
        other.send_signal(signal.SIGKILL)
        other.wait()
        journal = await sqlite.open()
        await journal.close()


async def test_a_forked_child_does_not_keep_the_journal_of_a_dead_engine(
    sqlite: SQLiteStore,
) -> None:
    both = [payment(1), payment(2)]
    with visit("stay_with_child", sqlite.url) as other:
        child = next_fact(other)["child"]
        try:
            other.send_signal(signal.SIGKILL)
            other.wait()
            journal = await sqlite.open()
            assert await lengths(journal, *both) == {payment(1): 2}
            assert await journal.append([step(payment(1), 2), start(payment(2))]) == [True, True]
            assert await lengths(journal, *both) == {payment(1): 4, payment(2): 2}
            await journal.close()
        finally:
            os.kill(child, signal.SIGKILL)  # raises when it is gone: it lived all the while


def test_a_journal_used_in_a_forked_child_says_so_and_serves_the_parent_on(
    sqlite: SQLiteStore,
) -> None:
    with visit("use_in_child", sqlite.url) as other:
        told = next_fact(other)
        assert told["error"] == "JournalClosed"
        assert f"opened in process {other.pid}, used in its child" in told["text"]
        assert next_fact(other) == {"child": 0, "stored": {payment(1): 2}}
        stored = {payment(1): 4, payment(2): 2}
        assert next_fact(other) == {"accepted": [True, True], "stored": stored}
        assert other.wait() == 0


LOOK = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM journal').close()"


async def test_looking_at_a_file_lets_go_of_no_lock_that_an_engine_has_on_it(
    sqlite: SQLiteStore,
) -> None:
    journal = await sqlite.open()
    await journal.append([start(payment(1))])
    with pytest.raises(JournalInUse):
        await sqlite.open()
    for visitor in (await sqlite.open(read_only=True), await sqlite.post_office()):
        await visitor.close()
    command = [sys.executable, "-c", LOOK, str(sqlite.path)]
    await asyncio.to_thread(subprocess.run, command, check=True)
    # Without locks the other one takes itself for the last, and takes the log away as it leaves.
    assert sqlite.path.with_name("payments.db-wal").exists()
    await journal.close()


# behaviour 1
@pytest.mark.parametrize("batches", [1, 25])
async def test_what_was_told_durable_survives_a_kill_and_no_batch_is_torn(
    sqlite: SQLiteStore, batches: int
) -> None:
    with visit("write_on", sqlite.url) as other:
        told = [next_fact(other)["batches"] for _ in range(batches)][-1]
        other.send_signal(signal.SIGKILL)
        other.wait()
    journal = await sqlite.open()
    rows = await journal.scan(Scan(limit=100_000))
    versions = await lengths(journal, *(row.execution_id for row in rows))
    await journal.close()
    assert len(rows) >= told * 10
    for number in range(0, len(rows), 10):
        batch = {versions[payment(number + each)] for each in range(10)}
        assert batch in ([{4}] if number < told * 10 else [{2}, {4}])


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Where others than its owner may come in; pytest's own folders are closed to them."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def shared_journal(shared_folder: Path) -> Path:
    """An empty journal that no engine has open."""

    async def make() -> None:
        journal = await open_journal(f"sqlite:///{path}")
        await journal.close()

    path = shared_folder / "payments.db"
    asyncio.run(make())
    path.with_name("payments.db.engine").unlink()
    return path


def test_a_read_only_file_is_told_and_can_be_looked_at(shared_journal: Path) -> None:
    shared_journal.chmod(0o444)
    shared_journal.parent.chmod(0o777)
    with visit("open_unprivileged", f"sqlite:///{shared_journal}") as other:
        told = next_fact(other)
        assert told["error"] == "JournalUnavailable"
        assert f"{shared_journal}: it cannot be written" in told["text"]
        assert next_fact(other) == {"found": 0}


def test_a_journal_in_a_read_only_folder_can_be_looked_at(shared_journal: Path) -> None:
    shared_journal.parent.chmod(0o555)
    with visit("open_unprivileged", f"sqlite:///{shared_journal}") as other:
        told = next_fact(other)
        assert told["error"] == "JournalUnavailable"
        assert f"{shared_journal}: cannot make payments.db.engine beside it" in told["text"]
        assert next_fact(other) == {"found": 0}
    shared_journal.parent.chmod(0o755)


def test_a_file_that_may_not_grow_stores_nothing_of_the_batch(sqlite: SQLiteStore) -> None:
    with visit("write_beyond_limit", sqlite.url) as other:
        for _ in range(2):
            told = next_fact(other)
            assert told["error"] == "JournalUnavailable"
            assert str(sqlite.path) in told["text"]
        assert next_fact(other) == {"stored": 1}
        assert next_fact(other) == {"stored": 2}
        assert other.wait() == 0


@pytest.mark.parametrize("exists", [True, False])
def test_a_journal_that_cannot_be_made_or_opened_for_lack_of_room_says_so(
    shared_journal: Path, exists: bool
) -> None:
    if not exists:
        shared_journal.unlink()
    with visit("open_beyond_limit", f"sqlite:///{shared_journal}") as other:
        told = next_fact(other)
    assert told["error"] == "JournalUnavailable"
    assert f"{shared_journal}: reading or writing failed" in told["text"]
    assert "free space" in told["text"]
