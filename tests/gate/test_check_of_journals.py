"""`perdure check` on every kind of journal, and on one that an engine runs on, or that breaks."""

import asyncio
from pathlib import Path

import pytest

from perdure import ExecutionParked, open_engine
from perdure.infrastructure.errors import GateBroken
from perdure.infrastructure.gate.answers import Task
from perdure.infrastructure.gate.processes import Worker
from tests.command_line.conftest import CommandLine, perdure
from tests.gate import shop
from tests.gate.conftest import ORDERS
from tests.gate.deployed import folder, found, put, url
from tests.postgres.databases import Database

__all__ = ["folder", "perdure", "url"]  # fixtures


@pytest.mark.faults
def test_an_engine_may_run_meanwhile_and_notices_nothing(
    perdure: CommandLine, url: str, folder: Path
) -> None:
    new = put(folder, "fulfil")

    async def run() -> None:
        await shop.record(url, *ORDERS)
        async with open_engine(url, [shop.fulfil]) as engine:
            printed = await asyncio.to_thread(
                perdure, "check", "--journal", url, "--module", new, "--json"
            )
            assert (printed.status, len(found(printed.out))) == (0, 1)
            handle = engine.handle("fulfil@o-1")
            await handle.resume()
            assert await handle.result() == "parcel of o-1"

    asyncio.run(run())


@pytest.mark.faults
def test_an_encrypted_journal_is_read_with_its_keys(
    perdure: CommandLine, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 64
    monkeypatch.setenv("PERDURE_KEYS", perdure("keys", "new").out.strip())
    asyncio.run(shop.record(url, ORDERS[0]))
    new = put(folder, "with_a_call_more")
    printed = perdure("check", "--journal", url, "--module", new, "--json")
    assert [each["outcome"] for each in found(printed.out)] == ["diverges"]
    monkeypatch.delenv("PERDURE_KEYS")
    printed = perdure("check", "--journal", url, "--module", new, "--json")
    assert [each["outcome"] for each in found(printed.out)] == ["unreadable"]


@pytest.mark.faults
def test_a_journal_on_postgresql_is_read_alike(
    perdure: CommandLine, postgres: Database, folder: Path
) -> None:
    asyncio.run(shop.record(postgres.url, *ORDERS))
    new = put(folder, "with_a_call_less")
    printed = perdure(
        "check", "--journal", postgres.url, "--module", new, "--finished", "1", "--json"
    )
    assert printed.status == 1, printed.err
    assert [each["change"] for each in found(printed.out)] == ["removed", "removed"]


@pytest.mark.faults
def test_what_is_blocked_now_is_counted_with_how_much_of_it_goes_on(
    perdure: CommandLine, url: str, folder: Path
) -> None:
    # behaviour 8
    asyncio.run(shop.record(url, ORDERS[0]))

    async def block() -> None:
        async with open_engine(url, [shop.with_a_call_more]) as engine:
            handle = engine.handle("fulfil@o-1")
            await handle.resume()
            with pytest.raises(ExecutionParked, match="blocked"):
                await handle.result()

    asyncio.run(block())
    new = put(folder, "with_a_guard")
    printed = perdure("check", "--journal", url, "--module", new)
    assert printed.status == 0
    assert "1 of them are blocked by the code that runs now; 1 of those would go on" in printed.out


@pytest.mark.faults
async def test_a_journal_that_breaks_meanwhile_ends_the_check(folder: Path) -> None:
    task = Task(url=f"sqlite:///{folder}/gone.db", modules=[put(folder, "fulfil")], seconds_each=1)
    worker = Worker(task, 1)
    try:
        with pytest.raises(GateBroken, match=r"could not be read to its end: .*gone\.db"):
            await worker.examine(["fulfil@o-1"])
    finally:
        await worker.close()
