"""`perdure demo`: a small day with two kills passes its audit; one that was tampered with fails."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import fields
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console

from perdure.infrastructure.command_line.evening import figures, tell
from perdure.infrastructure.demo import day
from perdure.infrastructure.demo.audit import Audit
from perdure.infrastructure.demo.day import Evening, Plan, Watcher
from perdure.infrastructure.demo.kills import Kill
from tests.command_line.conftest import CommandLine

FIGURES = (
    *("orders", "fulfilled", "compensated", "declined", "open", "kills", "recovered"),
    *("placed_while_down", "double_charges", "violations", "seconds"),
)
CALL = (  # what runs in the background of a shell inherits that Ctrl-C is ignored
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from perdure.infrastructure.command_line import main; main()"
)


def started(folder: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CALL, "demo", "--orders", "20", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )


@pytest.mark.faults
@pytest.mark.parametrize("on_a_server", [False, True], ids=["file", "server"])
def test_a_small_day_with_two_kills_passes_its_audit(
    tmp_path: Path, request: pytest.FixtureRequest, on_a_server: bool
) -> None:
    where: list[str] = []
    if on_a_server:
        where = ["--journal", f"{request.getfixturevalue('postgres_database')}?schema=demo"]
    with started(tmp_path, "--json", *where) as demo:
        out, err = demo.communicate(timeout=50)
    figures = json.loads(out.splitlines()[-1])
    assert demo.returncode == 0, err
    assert tuple(figures) == FIGURES
    assert (figures["orders"], figures["fulfilled"], figures["compensated"]) == (20, 16, 4)
    assert (figures["open"], figures["kills"], figures["violations"]) == (0, 2, [])
    assert figures["double_charges"] == 0
    assert figures["placed_while_down"] >= 1
    assert figures["recovered"] >= 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faults
def test_on_postgresql_a_killed_worker_is_taken_over_from_within_seconds(
    tmp_path: Path, postgres_database: str
) -> None:
    schema = f"demo_{uuid4().hex}"
    options = ("--json", "--journal", f"{postgres_database}?schema={schema}")
    with started(tmp_path, *options) as demo:
        out, err = demo.communicate(timeout=50)
    figures = json.loads(out.splitlines()[-1])
    assert demo.returncode == 0, err
    assert (figures["orders"], figures["fulfilled"], figures["compensated"]) == (20, 16, 4)
    assert (figures["open"], figures["kills"], figures["violations"]) == (0, 2, [])
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute(f"SELECT count(*) FROM {schema}.executions").fetchone() == (20,)
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def evening(**counts: int) -> Evening:
    """An evening with these counts in its audit, and two kills."""
    zeros = {each.name: 0 for each in fields(Audit) if each.type == "int" or each.type is int}
    found = Audit(**{**zeros, "misbehaviours": {}, "violations": (), **counts})
    kills = [
        Kill(
            pid=1,
            unfinished={"a": 1, "b": 1, "c": 1},
            in_flight=2,
            opened_seconds=1.25,
            went_on={"a": 1.5, "b": 12.25, "c": 123.5},
            ended=ended,
        )
        for ended in ({"a": 2.0, "b": 4.75, "c": 130.0}, {})
    ]
    return Evening(audit=found, kills=kills, streams={}, seconds=1.0)


def told(evening: Evening, columns: int = 80, journal: str = "sqlite:///demo.db") -> str:
    output = StringIO()
    plan = Plan(orders=9, seed=1, journal=journal, folder=Path("demo"))
    tell(Console(file=output, width=columns), plan, evening)
    return output.getvalue()


def test_the_table_of_kills_is_whole_on_a_small_terminal() -> None:
    lines = told(evening()).splitlines()
    assert "…" not in "".join(lines)
    assert any("unfinished" in line for line in lines)
    [first, second] = [line for line in lines if "1.25 s" in line]
    assert [each.strip() for each in first.split("│")[1:9]] == [
        *("1", "3", "2", "1.25 s", "12.25 s", "123.50 s", "4.75 s", "130.00 s"),
    ]
    assert [each.strip() for each in second.split("│")[7:9]] == ["", ""]


def test_the_table_counts_as_the_journal_does() -> None:
    lines = told(evening(orders=9, fulfilled=4, compensated=3, declined=2)).splitlines()
    [compensated] = [line for line in lines if "compensated: what was done is undone" in line]
    [declined] = [line for line in lines if "failed with nothing to undo" in line]
    assert (counted(compensated), counted(declined)) == ("3", "2")
    assert not any("cancelled" in line for line in lines)
    assert any("cancelled" in line for line in told(evening(cancelled=1)).splitlines())
    assert figures(evening(compensated=3, declined=2, cancelled=1))["compensated"] == 6


def counted(line: str) -> str:
    return line.split("│")[1].strip()


def test_what_to_type_next_works_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "perdure").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", "nowhere")
    assert "\n  bin/perdure list --journal sqlite:///demo.db" in told(evening())
    monkeypatch.chdir("bin")
    assert "\n  ./perdure list" in told(evening())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert f"\n  {tmp_path}/bin/perdure list" in told(evening())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "\n  perdure list" in told(evening())


def test_an_address_is_printed_as_it_was_typed(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def no_day(plan: Plan, watcher: Watcher) -> Evening:
        return evening()

    monkeypatch.setattr(day, "a_day", no_day)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    url = f"sqlite:///{tmp_path}/[bold].db"
    printed = perdure("demo", "--orders", "9", "--journal", url)
    assert f"a worker on {url}," in printed.out
    assert "delete the folder" in printed.out


@pytest.mark.faults
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    with started(tmp_path, "--orders", "400") as demo:
        assert demo.stdout is not None
        while "Killed worker" not in (line := demo.stdout.readline()):
            assert line, "the demo ended before its first kill"
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=20)
    assert demo.returncode != 0
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in commands.stdout


@pytest.mark.faults
def test_tampered_books_are_found_out(
    perdure: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    honest = day.a_day

    async def dishonest(plan: Plan, watcher: Watcher) -> Evening:
        evening = await honest(plan, watcher)
        with closing(sqlite3.connect(plan.books)) as books:
            books.execute("DELETE FROM refunds")
            books.commit()
        found = day.audited(plan.books, evening.streams)
        return Evening(audit=found, kills=evening.kills, streams=evening.streams, seconds=1.0)

    monkeypatch.setattr(day, "a_day", dishonest)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    printed = perdure("demo", "--orders", "10", "--json")
    figures = json.loads(printed.out)
    assert printed.status == 1
    assert any("compensated charge_credit_card" in each for each in figures["violations"])


def test_a_journal_in_memory_is_refused_with_the_reason(perdure: CommandLine) -> None:
    printed = perdure("demo", "--journal", "memory://demo", "--json")
    assert printed.status == 1
    assert "memory goes with it" in printed.err


def test_a_journal_with_executions_in_it_is_refused(perdure: CommandLine, journal: str) -> None:
    printed = perdure("demo", "--journal", journal, "--json")
    assert printed.status == 1
    assert "the demo wants a new one" in printed.err
