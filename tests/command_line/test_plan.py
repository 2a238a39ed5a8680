"""`perdure plan`: what a rollback would undo, before, while and after it is done."""

import asyncio
import json
from pathlib import Path

import pytest

from perdure import EngineSettings, open_engine
from perdure.domain.states import Running
from tests.command_line.conftest import CommandLine
from tests.command_line.shop import BuyLamp, buy_lamp, paying

MODULE = "tests.command_line.shop"


@pytest.fixture
def broken_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module of this name, which ends the program that imports it."""
    (tmp_path / "broken_module.py").write_text("import sys\nprint('hello')\nsys.exit(7)\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_with_the_code_it_tells_what_would_be_undone_with_values(
    perdure: CommandLine, parked: str
) -> None:
    printed = perdure("plan", "buy_lamp@4", "--journal", parked, "--module", MODULE)
    assert printed.status == 0
    assert printed.out.startswith("buy_lamp@4  suspended")
    assert "nothing has been done" in printed.out
    (step,) = [line for line in printed.out.splitlines() if "pay_back" in line]
    assert all(part in step for part in ("1", "pay", "succeeded", 'account="eve"', "to do"))
    assert 'amount="2.50"' in printed.out
    assert '"paid by eve"' in printed.out
    assert "reserve_lamp" not in printed.out


def test_without_the_code_it_tells_what_was_done_the_latest_first(
    perdure: CommandLine, parked: str
) -> None:
    printed = perdure("plan", "buy_lamp@4", "--journal", parked)
    assert "only the code knows" in printed.out
    told = perdure("plan", "buy_lamp@4", "--journal", parked, "--json")
    steps = [json.loads(line) for line in told.out.splitlines()]
    assert [(step["activity"], step["compensation"]) for step in steps] == [
        ("pay", None),
        ("reserve_lamp", None),
    ]
    assert steps[0]["arguments"] == {"account": "eve", "amount": "2.50"}
    assert steps[0]["result"] == "paid by eve"


@pytest.mark.parametrize("code", [(), ("--module", MODULE)])
def test_what_is_not_settled_comes_first(
    perdure: CommandLine, url: str, code: tuple[str, ...]
) -> None:
    asyncio.run(left_in_payment(url))
    printed = perdure("plan", "buy_lamp@1", "--journal", url, *code)
    assert "What is open is settled before anything is undone" in printed.out
    told = perdure("plan", "buy_lamp@1", "--journal", url, "--json", *code)
    first, *others = [json.loads(line) for line in told.out.splitlines()]
    compensation = "pay_back" if code else None
    assert (first["activity"], first["stands"]) == ("pay", "open")
    assert first["compensation"] == compensation
    assert [step["activity"] for step in others] == ([] if code else ["reserve_lamp"])


async def left_in_payment(url: str) -> None:
    settings = EngineSettings(stop_seconds=0)
    async with open_engine(url, [buy_lamp], settings=settings) as engine:
        paying.clear()
        handle = await engine.start(buy_lamp, BuyLamp(order_id="1", account="never"))
        assert await asyncio.to_thread(paying.wait, 20)
        assert await handle.status() == Running(("pay",))


def test_of_a_rollback_it_tells_how_far_it_is(perdure: CommandLine, parked: str) -> None:
    printed = perdure("plan", "buy_lamp@1", "--journal", parked)
    assert "It is being rolled back; its plan, as recorded:" in printed.out
    told = perdure("plan", "buy_lamp@1", "--journal", parked, "--json")
    (step,) = [json.loads(line) for line in told.out.splitlines()]
    assert (step["compensation"], step["stands"]) == ("pay_back", "stuck")


def test_of_one_that_is_over_it_tells_what_was_undone(perdure: CommandLine, journal: str) -> None:
    told = perdure("plan", "process_payment@2", "--journal", journal, "--json")
    assert [json.loads(line)["stands"] for line in told.out.splitlines()] == ["undone"]
    succeeded = perdure("plan", "process_payment@1", "--journal", journal)
    assert "nothing of it is undone any more" in succeeded.out


def test_one_that_has_done_nothing_has_nothing_to_undo(perdure: CommandLine, journal: str) -> None:
    printed = perdure("plan", "process_payment@3", "--journal", journal)
    assert "It has done nothing that could be undone." in printed.out


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("no_such_module", "cannot be imported"),
        ("broken_module", "SystemExit: 7"),
        ("tests.command_line.conftest", "no workflow buy_lamp: it has process_payment"),
        ("json", "has none at all"),
    ],
)
@pytest.mark.usefixtures("broken_module")
def test_code_that_is_of_no_use_is_one_line(
    perdure: CommandLine, parked: str, module: str, told: str
) -> None:
    printed = perdure("plan", "buy_lamp@4", "--journal", parked, "--module", module)
    assert (printed.status, printed.out) == (1, "")
    assert told in printed.err
