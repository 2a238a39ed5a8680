"""Each command of `python -m benchmarks` prints one line of JSON with its keys."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.figures import KEYS
from tests.postgres.databases import Database

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


def test_throughput_on_postgresql_leaves_no_schema_behind(postgres: Database) -> None:
    figures = told("throughput", "--journal", postgres.url, "--workflows", "12")
    assert set(KEYS) <= figures.keys()
    assert figures["wf_s"] > 0
    assert schemas(postgres.url) == []


def schemas(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'perdure%'")
        return [str(name) for (name,) in found]


def test_latency_and_replay_are_told_on_postgresql(postgres_database: str) -> None:
    figures = told("latency", "--workflows", "5", "--journal", postgres_database)
    assert figures["commits_per_wf"] == 6
    figures = told("replay", "--workflows", "5", "--journal", postgres_database)
    assert figures["events"] == 5 * 12


def test_appends_beside_few_and_many_that_wait_are_told(postgres_database: str) -> None:
    crowds = ("--few", "10", "--many", "300", "--rounds", "1")
    figures = told("waiting", "--workflows", "5", "--journal", postgres_database, *crowds)
    assert figures["ratio"] == pytest.approx(
        figures["p99_ms_many"] / figures["p99_ms_few"], abs=0.002
    )


@pytest.mark.parametrize("journal", ["sqlite", "postgres"])
def test_where_the_time_goes_is_told(journal: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_database") if journal == "postgres" else journal
    figures = told("costs", "--workflows", "200", "--journal", url)
    assert figures["loop_us_per_wf"] > 0
    assert figures["wall_us_per_wf"] > 0


def test_several_runners_on_one_server_are_told(postgres_database: str) -> None:
    options = ("--runners", "1,2", "--journal", postgres_database)
    figures = told("runners", "--workflows", "5", *options)
    assert figures["wf_s_2"] > 0
    assert figures["ratio_1"] == 1


@pytest.mark.faults
def test_on_postgresql_only_the_activity_in_flight_runs_again(postgres_database: str) -> None:
    figures = told("crash", "--workflows", "8", "--journal", postgres_database)
    assert figures["blocked_at_kill"] == figures["done"] == 8
    assert figures["workflows_that_ran_again"] == {"1": 0, "2": 0, "3": 8, "4": 0, "5": 0}


@pytest.mark.faults
def test_orders_and_memory_are_told_on_postgresql(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    figures = told("orders", "--orders", "4", "--journal", postgres_database)
    assert 0 < figures["durable_p50_ms"] < figures["p50_ms"]
    options = ("--workflows", "8", "--started", "20")
    figures = told("memory", "--journal", postgres_database, *options)
    assert figures["started"] == [6, 20]


def test_copy_tells_what_the_server_takes_of_the_same_rows(postgres_database: str) -> None:
    figures = told("copy", "--journal", postgres_database, "--workflows", "12")
    assert set(KEYS) <= figures.keys()
    assert figures["events"] == 12 * 12
    assert figures["copy_events_s"] > figures["events_s"] > 0
    assert 0 < figures["ratio"] < 1


def test_disk_tells_tables_and_indices_apart(postgres_database: str) -> None:
    figures = told("disk", "--journal", postgres_database, "--workflows", "12")
    assert set(KEYS) <= figures.keys()
    parts = figures["heap_bytes_per_wf"], figures["index_bytes_per_wf"]
    assert all(part > 0 for part in parts)
    assert figures["bytes_per_wf"] == sum(parts)


@pytest.mark.parametrize("command", ["copy", "disk"])
def test_what_only_a_server_has_is_refused_elsewhere(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--journal", "sqlite"])
    assert done.exit_code == 2


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


@pytest.mark.parametrize("command", ["crash", "orders", "memory"])
def test_a_journal_in_memory_is_in_no_other_process(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--journal", "memory"])
    assert done.exit_code == 2


@pytest.mark.parametrize("load", ["0", pytest.param("4", marks=pytest.mark.faults)])
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


def test_encryption_is_measured_against_none_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    figures = told("encryption", "--workflows", "4", "--pairs", "2")
    assert len(figures["wf_s_ratios"]) == len(figures["worker_cpu_ms_per_wf_ratios"]) == 2
    assert figures["wf_s_encrypted"] > 0


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
