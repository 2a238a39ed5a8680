"""Connecting: what is made, what is refused, and what is left behind."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from perdure import JournalUnavailable, NotAJournal, connect
from perdure.infrastructure.errors import BadAddress
from tests.engine.places import InMemory, OnDisk
from tests.engine.shop import find


@pytest.mark.parametrize(
    "url", ["", "memory://", "sqlite://db", "pigeon://loft", "postgresql://host/db?what=1"]
)
async def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        async with connect(url):
            raise AssertionError("it must not be connected")


async def test_a_file_that_is_missing_or_empty_is_made_a_journal(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for name in ("missing.db", "empty.db"):
        async with connect(f"sqlite:///{tmp_path / name}") as client:
            await client.start(find, "o-1")
        async with connect(f"sqlite:///{tmp_path / name}?synchronous=normal") as client:
            assert await client.handle("find@o-1").history() == []


async def test_files_of_others_are_left_as_they_are(tmp_path: Path) -> None:
    notes, other = tmp_path / "notes.txt", tmp_path / "other.db"
    notes.write_text("this is no journal, and longer than the header of one" * 9)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    for path in (notes, other):
        before = path.read_bytes()
        with pytest.raises(NotAJournal, match=path.name):
            async with connect(f"sqlite:///{path}"):
                raise AssertionError("it must not be connected")
        assert path.read_bytes() == before


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="cannot be opened"):
        async with connect(f"sqlite:///{tmp_path / 'nowhere' / 'orders.db'}"):
            raise AssertionError("it must not be connected")


async def test_no_engines_lock_is_taken_and_nothing_is_left_open(tmp_path: Path) -> None:
    place = OnDisk(tmp_path)
    async with connect(place.url) as client:
        await client.start(find, "o-1")
        async with place.engine(find):
            assert await client.handle("find@o-1").result(timeout=10) == "the price"
    assert names_in(tmp_path) == {place.path.name, f"{place.path.name}.engine"}
    assert not any(str(tmp_path) in target for target in open_files())


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    if not folder.exists():  # where the system has no such folder, nothing can be seen
        return []
    return [str(entry.readlink()) for entry in folder.iterdir() if entry.is_symlink()]


async def test_in_memory_a_client_may_be_there_before_its_engine() -> None:
    place = InMemory()
    async with connect(place.url) as client:
        handle = await client.start(find, "o-1")
    async with place.engine(find), connect(place.url) as client:
        assert await client.handle(handle.id).result(timeout=10) == "the price"
