"""What can befall a file: each has a clear error, and leaves what was stored as it was."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from perdure.domain.errors import JournalInUse, JournalUnavailable, NotAJournal
from perdure.domain.journal import Journal
from perdure.infrastructure.errors import DamagedJournal
from perdure.infrastructure.journals import open_journal
from perdure.infrastructure.sqlite import connection as connections
from perdure.infrastructure.sqlite import schema
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from tests.journals.stores import SQLiteStore
from tests.journals.submissions import lengths, payment, start, started_with, step

A, B = payment(1), payment(2)


def beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


async def refusal(store: SQLiteStore) -> str:
    """What is told of a file that is no journal, which is left as it was."""
    before = store.path.read_bytes()
    told: list[str] = []
    for read_only in (False, True):
        with pytest.raises(NotAJournal) as raised:
            await store.open(read_only=read_only)
        told.append(str(raised.value))
    with pytest.raises(NotAJournal) as raised:
        await store.post_office()
    assert told == [str(raised.value)] * 2
    assert str(store.path) in told[0]
    assert store.path.read_bytes() == before
    return told[0]


async def test_a_file_that_is_no_database_is_left_alone(sqlite: SQLiteStore) -> None:
    sqlite.path.write_text("amount;customer\n1;2\n" * 500)
    assert "not a SQLite file; the file was left as it is" in await refusal(sqlite)
    assert beside(sqlite.path) == ["payments.db"]


@pytest.mark.parametrize("mode", ["delete", "wal", "persist", "truncate"])
async def test_a_database_of_another_program_is_left_alone(sqlite: SQLiteStore, mode: str) -> None:
    script = f"PRAGMA journal_mode = {mode}; CREATE TABLE journal (entry TEXT)"
    for statement in (script, f"{script}; PRAGMA application_id = 77; DROP TABLE journal"):
        sqlite.path.unlink(missing_ok=True)
        sqlite.script(statement)
        files = beside(sqlite.path)
        assert "a SQLite file of another program" in await refusal(sqlite)
        assert beside(sqlite.path) == files


async def test_a_file_of_zeros_is_left_alone(sqlite: SQLiteStore) -> None:
    sqlite.path.write_bytes(bytes(5_000))
    assert "not a SQLite file" in await refusal(sqlite)


@pytest.mark.parametrize("header", ["written", "not yet written"])
async def test_a_journal_whose_making_was_interrupted_is_made_again(
    sqlite: SQLiteStore, tmp_path: Path, header: str
) -> None:
    shell = sqlite3.connect(tmp_path / "other.db", isolation_level=None)
    shell.executescript("PRAGMA cache_size = 1; BEGIN EXCLUSIVE")
    shell.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    for number in range(200):  # more than its cache holds, so that it writes before the commit
        shell.execute(f"CREATE TABLE journal_{number} (entry TEXT)")
    shutil.copy(tmp_path / "other.db-journal", f"{sqlite.path}-journal")
    if header == "written":
        shell.execute("COMMIT")
    shutil.copy(tmp_path / "other.db", sqlite.path)
    shell.close()
    before = sqlite.path.read_bytes()
    with pytest.raises(JournalUnavailable, match="its making was interrupted"):
        await sqlite.open(read_only=True)
    assert sqlite.path.read_bytes() == before
    journal = await sqlite.open()
    assert await journal.append([start(A)]) == [True]
    await journal.close()


async def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="directory"):
        await open_journal(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("schema_version", 3, "schema version 3, this version of Perdure reads 2"),
        ("shards", 512, "shards 512, this version of Perdure reads 256"),
        ("hash", "md5", "hash md5, this version of Perdure reads blake2b-64"),
    ],
)
async def test_a_journal_of_another_shape_is_refused(
    sqlite: SQLiteStore, column: str, value: object, told: str
) -> None:
    await (await sqlite.open()).close()
    sqlite.execute(f"UPDATE journal SET {column} = ?", (value,))
    assert told in await refusal(sqlite)


async def test_a_journal_without_its_description_is_refused(sqlite: SQLiteStore) -> None:
    await (await sqlite.open()).close()
    sqlite.execute("DELETE FROM journal")
    assert "journal table is empty" in await refusal(sqlite)


async def test_an_empty_file_becomes_a_journal(sqlite: SQLiteStore) -> None:
    sqlite.path.touch()
    with pytest.raises(NotAJournal):
        await sqlite.open(read_only=True)
    journal = await sqlite.open()
    assert await journal.append([start(A)]) == [True]
    await journal.close()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match=r"payments\.db.*folder"):
        await open_journal(f"sqlite:///{tmp_path}/nowhere/payments.db")


async def test_a_damaged_file_says_so_and_does_not_hang(sqlite: SQLiteStore) -> None:
    journal = await sqlite.open()
    names = [payment(number) for number in range(2_000)]
    await journal.append([start(name) for name in names])
    await journal.close()
    with sqlite.path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xa5" * (sqlite.path.stat().st_size - 5 * 4096))
    journal = await sqlite.open()
    with pytest.raises(DamagedJournal, match=r"payments\.db: damaged.*while reading.*backup"):
        await journal.read(names)
    with pytest.raises(DamagedJournal, match="while appending"):
        await journal.append([step(name, 2) for name in names])
    await journal.close()


async def test_a_file_that_lost_its_tables_is_damaged(sqlite: SQLiteStore) -> None:
    await (await sqlite.open()).close()
    sqlite.execute("DROP TABLE journal")
    with pytest.raises(DamagedJournal, match="no table journal"):
        await sqlite.open()


async def test_a_full_disk_stores_nothing_of_a_batch_and_can_be_tried_again(
    sqlite: SQLiteStore,
) -> None:
    journal = await sqlite.open()
    assert isinstance(journal, SQLiteJournal)
    await journal.append([start(A)])
    await limit_pages(journal, 40)
    large = start(B)
    large.events[0] = started_with(b'"' + b"x" * 1_000_000 + b'"')
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match=r"payments\.db: the disk is full.*free"):
            await journal.append([step(A, 2), large])
    assert set(await journal.read([A, B])) == {A}
    assert await lengths(journal, A) == {A: 2}
    await limit_pages(journal, 100_000)
    assert await journal.append([step(A, 2), large]) == [True, True]
    await journal.close()


async def limit_pages(journal: SQLiteJournal, pages: int) -> None:
    """Gives SQLite's file a size that it may not exceed; it answers as on a full disk."""
    assert journal._writer is not None
    await journal._writer.run(lambda it: it.execute(f"PRAGMA max_page_count = {pages}").fetchall())


async def test_a_file_that_somebody_else_locks_is_unavailable_until_they_end(
    sqlite: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.01)
    journal = await sqlite.open()
    shell = sqlite3.connect(sqlite.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailable, match="another process has locked it"):
        await journal.append([start(A)])
    assert await journal.rows([A]) == {}
    shell.execute("ROLLBACK")
    shell.close()
    assert await journal.append([start(A)]) == [True]
    await journal.close()


async def test_a_link_to_the_file_is_the_same_journal(sqlite: SQLiteStore, tmp_path: Path) -> None:
    journal = await sqlite.open()
    link = tmp_path / "link.db"
    link.symlink_to(sqlite.path)
    with pytest.raises(JournalInUse, match="another engine"):
        await open_journal(f"sqlite:///{link}")
    await journal.close()


async def test_a_copy_of_file_and_wal_is_a_journal(sqlite: SQLiteStore, tmp_path: Path) -> None:
    journal = await sqlite.open()
    await journal.append([start(A)])
    for suffix in ("", "-wal"):
        shutil.copy(f"{sqlite.path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    copy = await open_journal(f"sqlite:///{tmp_path}/copy.db")
    assert set(await copy.read([A])) == {A}
    await copy.close()
    await journal.close()


async def test_readers_see_a_batch_whole_or_not_at_all(sqlite: SQLiteStore) -> None:
    journal = await sqlite.open()
    visitor = await sqlite.open(read_only=True)
    batches = [[payment(number * 20 + each) for each in range(20)] for number in range(30)]

    async def write() -> None:
        for batch in batches:
            await journal.append([start(name) for name in batch])

    async def look(other: Journal, writing: "asyncio.Task[None]") -> int:
        looks = 0
        while not writing.done():
            for batch in batches:
                assert len(await other.rows(batch)) in (0, 20)
                assert len(await other.read(batch)) in (0, 20)
                looks += 1
        return looks

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write())
        looking = [group.create_task(look(each, writing)) for each in (journal, visitor)]
    assert all(task.result() > 0 for task in looking)
    assert len(await visitor.read([name for batch in batches for name in batch])) == 600
    await visitor.close()
    await journal.close()
