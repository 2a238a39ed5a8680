"""From an address to a journal, and what is said of one that leads nowhere."""

import sys
from pathlib import Path

import pytest

from perdure.domain.errors import JournalUnavailable
from perdure.infrastructure.errors import BadAddress
from perdure.infrastructure.journals import open_journal, open_post_office
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.sqlite.journal import SQLiteJournal
from tests.journals.submissions import payment, start


async def test_each_kind_of_address_opens_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url, path in (
        ("sqlite:///payments.db", tmp_path / "payments.db"),
        (f"sqlite:///{tmp_path}/absolute.db", tmp_path / "absolute.db"),
        ("sqlite:///with%20space.db?synchronous=NORMAL", tmp_path / "with space.db"),
        ("sqlite:///order%231.db", tmp_path / "order#1.db"),
    ):
        journal = await open_journal(url)
        assert isinstance(journal, SQLiteJournal)
        assert journal.path == path.resolve()
        assert path.exists()
        await journal.close()
    memory = await open_journal("memory://payments")
    assert isinstance(memory, MemoryJournal)
    await memory.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("payments.db", "sqlite:///relative.db"),
        ("mysql://host/payments", "memory://name"),
        ("", "no such kind"),
        ("sqlite://payments.db", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("sqlite:///:memory:", "memory://name"),
        ("sqlite:///payments.db?synchronous=off", "full or normal"),
        ("sqlite:///payments.db?cache=shared", "unknown option cache"),
        ("sqlite:///orders#1.db", "write # as %23"),
        ("sqlite:///orders.db#", "write # as %23"),
        ("memory://orders#1", "write # as %23"),
        ("memory://[orders", "Invalid IPv6 URL"),
        ("sqlite:///a%00.db", "NUL"),
        ("memory://", "memory://orders"),
        ("memory://orders/late", "memory://orders"),
    ],
)
async def test_a_bad_address_is_told_what_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for opens in (open_journal, open_post_office):
        with pytest.raises(BadAddress, match=told):
            await opens(url)
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
async def test_a_server_that_is_not_there_is_told_without_the_password(scheme: str) -> None:
    for opens in (open_journal, open_post_office):
        with pytest.raises(JournalUnavailable, match="localhost:1/payments") as raised:
            await opens(f"{scheme}://shop:secret@localhost:1/payments")
        assert "secret" not in str(raised.value)


async def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        each for each in sys.modules if each.startswith("perdure.infrastructure.postgres")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BadAddress, match=r"psycopg is not installed.*perdure\[postgres\]"):
        await open_journal("postgresql://localhost/payments")


async def test_names_in_memory_are_journals_of_their_own() -> None:
    first, second = [await open_journal(f"memory://names-{each}") for each in "ab"]
    assert await first.append([start(payment(1))]) == [True]
    assert await second.append([start(payment(1))]) == [True]
    await first.close()
    await second.close()
