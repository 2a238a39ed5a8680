"""`perdure history`: every event, with all that is recorded in it."""

import asyncio
import json

import pytest

from perdure import ExecutionParked, open_engine, workflow
from tests.command_line.conftest import CommandLine

LONG = "a very long order id, " * 20


@workflow(key=lambda text: "1")
async def stumble(text: str) -> None:
    raise RuntimeError("the body\x1b[2J stumbled")


@pytest.fixture
def stumbled(url: str) -> str:
    async def run() -> None:
        async with open_engine(url, [stumble]) as engine:
            with pytest.raises(ExecutionParked):
                await engine.execute(stumble, LONG)

    asyncio.run(run())
    return url


def test_payloads_and_tracebacks_are_whole(perdure: CommandLine, stumbled: str) -> None:
    printed = perdure("history", "stumble@1", "--journal", stumbled)
    assert printed.status == 0
    assert LONG in printed.out
    assert "raise RuntimeError(" in printed.out
    assert "\x1b" not in printed.out
    heads = [line for line in printed.out.splitlines() if not line.startswith("     ")]
    assert [line.split()[-1] for line in heads] == ["ExecutionStarted", "ExecutionSuspended"]


def test_json_is_an_event_a_line_with_nothing_left_out(perdure: CommandLine, stumbled: str) -> None:
    printed = perdure("history", "stumble@1", "--journal", stumbled, "--json")
    started, suspended = [json.loads(line) for line in printed.out.splitlines()]
    assert started["arguments"] == LONG
    assert started["code"]
    assert suspended["cause"] == "defect"
    assert "raise RuntimeError(" in suspended["traceback"]


def test_what_show_tells_history_tells_by_the_same_names(
    perdure: CommandLine, journal: str
) -> None:
    shown = perdure("show", "process_payment@2", "--journal", journal, "--json")
    told = perdure("history", "process_payment@2", "--journal", journal, "--json")
    for short, whole in zip(shown.out.splitlines(), told.out.splitlines(), strict=True):
        assert json.loads(short).items() <= json.loads(whole).items()
    (began,) = [line for line in told.out.splitlines() if "CompensationBegan" in line]
    assert json.loads(began)["plan"][0]["activity"] == "charge_credit_card"


def test_an_unknown_id_is_one_line(perdure: CommandLine, journal: str) -> None:
    printed = perdure("history", "process_payment@99", "--journal", journal)
    assert (printed.status, printed.out) == (1, "")
    assert len(printed.err.splitlines()) == 1
