"""Each command of `python -m benchmarks` prints one line of JSON with its keys."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.figures import KEYS

ROOT = Path(__file__).resolve().parent.parent.parent


def told(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    return dict(json.loads(line))


@pytest.mark.parametrize("journal", ["memory", "sqlite"])
@pytest.mark.parametrize("options", [(), ("--sync",), ("--in-flight", "4"), ("--duplicates", "50")])
def test_throughput_tells_rate_costs_and_commits(journal: str, options: tuple[str, ...]) -> None:
    figures = told("throughput", "--journal", journal, "--workflows", "12", *options)
    assert set(KEYS) <= figures.keys()
    assert figures["wf_s"] > 0
    assert figures["commits_per_wf"] > 0


def test_one_alone_takes_six_commits_and_is_told_beside_the_disk() -> None:
    figures = told("latency", "--workflows", "5")
    assert set(KEYS) <= figures.keys()
    assert figures["commits_per_wf"] == 6
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert figures["fdatasync_p50_ms"] > 0


def test_after_a_kill_only_the_activity_in_flight_runs_again() -> None:
    figures = told("crash", "--workflows", "8")
    assert set(KEYS) <= figures.keys()
    assert figures["blocked_at_kill"] == figures["done"] == 8
    assert figures["workflows_that_ran_again"] == {"1": 0, "2": 0, "3": 8, "4": 0, "5": 0}
    assert figures["recover_s"] > 0


@pytest.mark.parametrize("command", ["crash", "orders"])
def test_a_journal_in_memory_is_in_no_other_process(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--journal", "memory"])
    assert done.exit_code == 2


@pytest.mark.parametrize("load", ["0", "4"])
def test_orders_are_timed_until_they_are_taken(load: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    figures = told("orders", "--orders", "8", "--load", load)
    assert set(KEYS) <= figures.keys()
    assert 0 < figures["durable_p50_ms"] < figures["p50_ms"] <= figures["p99_ms"]


def test_parked_executions_are_resolved_by_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    figures = told("resolve", "--executions", "3")
    assert set(KEYS) <= figures.keys()
    assert figures["stuck_done"] == figures["suspended_done"] == 3
    assert 0 < figures["stuck_s"] <= figures["stuck_ended_s"]
    assert 0 < figures["suspended_s"] <= figures["suspended_ended_s"]


def test_replay_counts_every_event() -> None:
    figures = told("replay", "--workflows", "5")
    assert figures["events"] == 5 * 12
    assert figures["events_s"] > 0


def test_memory_is_told_of_executions_branches_and_a_crowd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    figures = told("memory", "--workflows", "8", "--started", "20")
    assert figures["started"] == [6, 20]
    assert all(rss > 0 for rss in figures["rss_mib"] + figures["peak_rss_mib"])
    assert {"bytes_per_execution", "bytes_per_open_branch"} <= figures.keys()


def test_hashes_compare_many_in_flight_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    figures = told("hashes", "--workflows", "8")
    assert figures["ratio"] > 0


def test_the_program_waits_while_its_costs_are_read() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.payment", "latency", "2"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        said, _ = process.communicate("\n\n", timeout=30)
    ready, done = said.splitlines()
    assert ready == "READY {}"
    word, _, outcome = done.partition(" ")
    assert word == "DONE"
    assert len(json.loads(outcome)["latencies"]) == 2
