"""`perdure demo`: a small day with two kills passes its audit; one that was tampered with fails."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from perdure.infrastructure.demo import day
from perdure.infrastructure.demo.day import Evening, Plan, Watcher
from tests.command_line.conftest import CommandLine

FIGURES = (
    *("orders", "fulfilled", "compensated", "open", "kills", "recovered", "double_charges"),
    *("violations", "seconds"),
)
CALL = "from perdure.infrastructure.command_line import main; main()"


def started(folder: Path, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CALL, "demo", "--orders", "20", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )


@pytest.mark.faults
def test_a_small_day_with_two_kills_passes_its_audit(tmp_path: Path) -> None:
    with started(tmp_path, "--json") as demo:
        out, err = demo.communicate(timeout=50)
    figures = json.loads(out.splitlines()[-1])
    assert demo.returncode == 0, err
    assert tuple(figures) == FIGURES
    assert (figures["orders"], figures["fulfilled"], figures["compensated"]) == (20, 16, 4)
    assert (figures["open"], figures["kills"], figures["violations"]) == (0, 2, [])
    assert figures["double_charges"] == 0
    assert figures["recovered"] >= 2


@pytest.mark.faults
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    with started(tmp_path) as demo:
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
