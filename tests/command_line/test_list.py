"""`perdure list`: what it finds, prints and refuses."""

import asyncio
import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from perdure import EngineSettings, open_engine
from perdure.infrastructure.command_line.listing import table_of
from perdure.infrastructure.journals import open_journal
from tests.command_line.conftest import CommandLine, Order, process_payment
from tests.journals.submissions import row, start

FIELDS = {"id", "workflow", "state", "started", "changed", "reason", "tags"}


def test_it_lists_the_newest_first_with_state_and_reason(
    perdure: CommandLine, journal: str
) -> None:
    printed = perdure("list", "--journal", journal)
    heading, *lines = printed.out.splitlines()
    assert printed.status == 0
    assert heading.split() == ["id", "state", "started", "changed", "reason"]
    assert [line.split()[:2] for line in lines] == [
        ["process_payment@3", "suspended"],
        ["process_payment@2", "compensated"],
        ["process_payment@1", "succeeded"],
    ]
    assert "waits for the bank" in lines[0]


def test_json_is_an_object_a_line(perdure: CommandLine, journal: str) -> None:
    printed = perdure("list", "--journal", journal, "--json")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert all(set(row) == FIELDS for row in rows)
    assert all(datetime.fromisoformat(row["started"]).utcoffset() is not None for row in rows)
    assert rows[0]["reason"] == "waits for the bank"
    assert {row["workflow"] for row in rows} == {"process_payment"}


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--state", "compensated"], ["2"]),
        (["--workflow", "process_payment", "--limit", "2"], ["3", "2"]),
        (["--workflow", "another"], []),
    ],
)
def test_options_choose(
    perdure: CommandLine, journal: str, options: list[str], keys: list[str]
) -> None:
    printed = perdure("list", "--journal", journal, "--json", *options)
    ids = [json.loads(line)["id"] for line in printed.out.splitlines()]
    assert ids == [f"process_payment@{key}" for key in keys]


def test_it_says_when_there_are_more(perdure: CommandLine, journal: str) -> None:
    assert "there are more" in perdure("list", "--journal", journal, "--limit", "2").out
    assert "there are more" not in perdure("list", "--journal", journal, "--limit", "3").out


def test_an_unknown_state_is_bad_usage(perdure: CommandLine, journal: str) -> None:
    printed = perdure("list", "--journal", journal, "--state", "lost")
    assert (printed.status, printed.out) == (2, "")
    assert "'lost' is none of" in printed.err


def test_a_state_that_only_show_tells_is_explained(perdure: CommandLine, journal: str) -> None:
    printed = perdure("list", "--journal", journal, "--state", "waiting")
    assert printed.status == 2
    assert "found with --state running" in " ".join(printed.err.replace("│", " ").split())


@pytest.mark.parametrize("columns", [80, 120])
def test_ids_are_whole_on_a_small_terminal(columns: int) -> None:
    ids = [f"process_payment@order-{number:04d}" for number in range(3)]
    output = StringIO()
    rows = [row(each, reason="waits for the bank, which is closed") for each in ids]
    Console(file=output, width=columns).print(table_of(rows, columns))
    heading, *lines = output.getvalue().splitlines()
    assert [line.split()[0] for line in lines if line.startswith("process")] == ids
    assert ("changed" in heading) is (columns == 120)
    assert all(len(line) <= columns for line in lines)


def test_without_a_journal_it_is_bad_usage(perdure: CommandLine) -> None:
    assert perdure("list").status == 2


@pytest.mark.parametrize("name", ["missing.db", "letter.txt"])
def test_what_is_no_journal_is_one_line_and_left_alone(
    perdure: CommandLine, tmp_path: Path, name: str
) -> None:
    (tmp_path / "letter.txt").write_text("Dear customer")
    printed = perdure("list", "--journal", f"sqlite:///{tmp_path / name}")
    assert (printed.status, printed.out) == (1, "")
    assert printed.err.startswith("perdure: ")
    assert len(printed.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt"]


def test_an_address_of_no_kind_is_one_line(perdure: CommandLine) -> None:
    printed = perdure("list", "--journal", "payments.db")
    assert printed.status == 1
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["list", "show"])
def test_a_start_that_has_not_begun_is_told_as_waiting(
    perdure: CommandLine, journal: str, command: str
) -> None:
    at = datetime(2100, 1, 1, tzinfo=UTC)

    async def order() -> None:
        settings = EngineSettings(stop_seconds=0.0)
        async with open_engine(journal, [process_payment], settings=settings) as engine:
            later = Order(order_id="later", fate="fulfilled")
            await engine.start(process_payment, later, start_at=at)

    asyncio.run(order())
    identity = ["process_payment@later"] if command == "show" else ["--state", "running"]
    printed = perdure(command, *identity, "--journal", journal)
    told = f"begins at {at.astimezone():%Y-%m-%d %H:%M:%S}"
    assert "waiting" in printed.out
    assert told in " ".join(printed.out.split())
    if command == "list":
        row = json.loads(perdure("list", *identity, "--journal", journal, "--json").out)
        assert (row["state"], row["reason"]) == ("waiting", f"begins at {at.isoformat()}")


def test_a_start_that_found_no_room_is_told_as_waiting_for_it(
    perdure: CommandLine, journal: str
) -> None:
    async def leave_a_start() -> None:
        opened = await open_journal(journal)
        await opened.append([start("process_payment@late", due=1, started=1)])
        await opened.close()

    asyncio.run(leave_a_start())
    printed = perdure("list", "--state", "running", "--journal", journal, "--json")
    told = json.loads(printed.out)
    assert (told["state"], told["reason"]) == ("waiting", "for room in an engine")
    assert "for room in an engine" in perdure("list", "--journal", journal).out
