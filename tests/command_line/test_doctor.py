"""`perdure doctor`, as it is typed, on files and on a server."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from perdure.infrastructure.postgres.checkup import server as health
from tests.command_line.conftest import CommandLine, Printed, some_orders
from tests.command_line.shop import engine_on
from tests.postgres.databases import Database
from tests.postgres.pooler import Mode, Pooler
from tests.postgres.server import Server


def checks(printed: Printed) -> dict[str, tuple[str, str]]:
    rows = [json.loads(line) for line in printed.out.splitlines()]
    return {row["check"]: (row["verdict"], row["told"] + row["next_step"]) for row in rows}


@pytest.fixture
def shop(postgres: Database) -> str:
    return f"{postgres.url}?schema=shop"


def test_the_doctor_finds_a_file_with_work_in_it_whole(perdure: CommandLine, parked: str) -> None:
    found = checks(perdure("doctor", "--journal", parked, "--json", "--all"))
    assert {verdict for verdict, _ in found.values()} == {"ok", "warning"}
    assert found["stuck executions"][0] == "warning"
    assert found["stuck executions"][1].startswith("2")
    assert "buy_lamp@1" in found["unfinished work"][1]
    assert found["streams"] == ("ok", "no gap in all executions")


def test_the_doctor_may_look_while_an_engine_runs(perdure: CommandLine, parked: str) -> None:
    with engine_on(parked):
        printed = perdure("doctor", "--journal", parked, "--json")
        assert "has it" in checks(printed)["lock"][1]
        refused = perdure("doctor", "--journal", parked, "--after-restore", "--yes")
        assert (refused.status, refused.out) == (1, "")
        assert "another engine" in refused.err
        perdure("cancel", "buy_lamp@3", "buy_lamp@4", "--journal", parked, "--yes")
        for order in ("1", "2"):
            perdure("resolve", "skip", f"buy_lamp@{order}", "--journal", parked, "--reason", "x")
    assert printed.status == 0


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("DELETE FROM events WHERE version = 2", "streams"),
        ("UPDATE journal SET schema_version = 9", "schema version"),
        ("DROP TABLE executions", "schema version"),
    ],
)
def test_the_doctor_finds_what_is_wrong_with_a_file(
    perdure: CommandLine, journal: str, damage: str, check: str
) -> None:
    connection = sqlite3.connect(journal.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute(damage)
    connection.close()
    printed = perdure("doctor", "--journal", journal, "--json", "--all")
    assert printed.status == 1
    assert [name for name, seen in checks(printed).items() if seen[0] == "failed"] == [check]


def test_the_doctor_finds_pages_that_are_no_pages(perdure: CommandLine, journal: str) -> None:
    path = Path(journal.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[8192 + 100 : 12288] = b"\xff" * (4096 - 100)
    path.write_bytes(content)
    printed = perdure("doctor", "--journal", journal, "--json")
    assert printed.status == 1
    assert checks(printed)["file"][0] == "failed"


def test_all_is_well_on_a_server_that_is_set_up_for_work(
    perdure: CommandLine, postgres_server: Callable[..., Server]
) -> None:
    server = postgres_server(fsync="on", full_page_writes="on", autovacuum="on")
    url = f"{server.url()}?schema=shop"
    asyncio.run(some_orders(url))
    printed = perdure("doctor", "--journal", url, "--json", "--all")
    assert printed.status == 0
    worse = {name for name, seen in checks(printed).items() if seen[0] != "ok"}
    assert worse == {"events are safe", "lease"}  # it is the owner who looks, and no engine runs
    table = perdure("doctor", "--journal", url)
    assert table.status == 0
    assert "2 warning." in table.out
    password = urlsplit(url).password
    assert password is not None
    assert password not in printed.out + table.out


def test_a_server_that_may_lose_what_it_acknowledged_is_told_of(
    perdure: CommandLine, postgres_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 57
    server = postgres_server(fsync="off", full_page_writes="off", synchronous_commit="local")
    url, real = f"{server.url()}?schema=shop", time.time_ns
    assert perdure("migrate", "--journal", url).status == 0
    monkeypatch.setattr(health, "FULL", 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_600_000_000_000)
    printed = perdure("doctor", "--journal", url, "--json")
    assert printed.status == 1
    found = checks(printed)
    assert (found["fsync"][0], found["full_page_writes"][0]) == ("failed", "failed")
    for check in ("synchronous_commit", "connections", "clock", "autovacuum"):
        assert found[check][0] == "warning", check
    assert "behind this one's" in found["clock"][1]


@pytest.mark.parametrize(
    ("damage", "check", "words"),
    [
        ("DELETE FROM shop.events WHERE version = 2", "positions", "gaps in"),
        ("DELETE FROM shop.events WHERE version = 2", "streams", "process_payment@"),
        ("DROP INDEX shop.executions_open", "tables", "executions_open"),
        ("DROP FUNCTION shop.append", "tables", "append"),
        ("DROP TABLE shop.runner_writer", "schema version", "runner_writer"),
        ("UPDATE shop.journal SET schema_version = 99", "schema version", "newer"),
        ("UPDATE shop.journal SET schema_version = 1", "schema version", "perdure migrate"),
    ],
)
def test_the_doctor_finds_what_is_wrong_on_a_server(
    perdure: CommandLine, shop: str, postgres: Database, *, damage: str, check: str, words: str
) -> None:
    asyncio.run(some_orders(shop))
    postgres.execute(damage)  # type: ignore[arg-type]
    for scope in ([], ["--all"]):
        printed = perdure("doctor", "--journal", shop, "--json", *scope)
        assert printed.status == 1
        verdict, told = checks(printed)[check]
        assert verdict == "failed"
        assert words in told


def test_executions_without_events_are_found_when_all_are_read(
    perdure: CommandLine, shop: str, postgres: Database
) -> None:
    asyncio.run(some_orders(shop))
    postgres.execute("DELETE FROM shop.events WHERE execution_id = 'process_payment@1'")
    found = checks(perdure("doctor", "--journal", shop, "--json", "--all"))
    assert found["index"][0] == "failed"


def test_work_that_nobody_does_is_warned_of(
    perdure: CommandLine, shop: str, postgres: Database
) -> None:
    asyncio.run(some_orders(shop))
    postgres.execute("UPDATE shop.executions SET state = 'running', due = 1, started = 1")
    postgres.execute(
        "INSERT INTO shop.mailbox (shard, envelope_id, execution_id, kind, body, sent)"
        " VALUES (1, 'e', 'x@1', 'cancel', '{}', 1)"
    )
    postgres.execute("ALTER TABLE shop.mailbox SET (autovacuum_enabled = false)")
    found = checks(perdure("doctor", "--journal", shop, "--json"))
    for check, words in (
        ("overdue work", "1970-01-01"),
        ("orders", "1 wait"),
        ("lease", "nobody holds 256 shards"),
        ("autovacuum", "off"),
    ):
        assert found[check][0] == "warning", check
        assert words in found[check][1]


def test_the_doctor_tells_who_holds_the_journal(perdure: CommandLine, shop: str) -> None:
    with engine_on(shop):
        found = checks(perdure("doctor", "--journal", shop, "--json"))
    assert found["lease"][0] == "ok"
    assert "engine, " in found["lease"][1]
    assert "holds 256 shards (epoch 1) until" in found["lease"][1]


def test_a_pooler_that_shares_sessions_out_is_found(
    perdure: CommandLine, shop: str, postgres: Database
) -> None:
    asyncio.run(some_orders(shop))
    verdicts: dict[Mode, str] = {"transaction": "failed", "session": "ok"}
    for mode, verdict in verdicts.items():
        with Pooler(postgres.url, mode, 6) as pooler:
            url = f"{pooler.url}?schema=shop"
            found = checks(perdure("doctor", "--journal", url, "--json"))
        assert found["connection"][0] == verdict
        assert ("session mode" in found["connection"][1]) is (verdict == "failed")


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_a_new_incarnation_is_asked_for(
    perdure: CommandLine,
    shop: str,
    postgres: Database,
    monkeypatch: pytest.MonkeyPatch,
    *,
    answer: str,
    status: int,
) -> None:
    asyncio.run(some_orders(shop))
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    printed = perdure("doctor", "--journal", shop, "--after-restore")
    assert printed.status == status
    [(incarnation,)] = postgres.execute("SELECT incarnation FROM shop.journal")
    assert bool(incarnation) is (status == 0)
    assert ("process_payment@3  suspended" in printed.out) is (status == 0)
    assert ("What was done after the backup is not known" in printed.out) is (status == 0)


@pytest.mark.parametrize("place", ["url", "shop"])
def test_after_a_restore_programs_get_all_that_is_unfinished(
    perdure: CommandLine, request: pytest.FixtureRequest, place: str
) -> None:
    url = request.getfixturevalue(place)
    asyncio.run(some_orders(url))
    printed = perdure("doctor", "--journal", url, "--after-restore", "--yes", "--json")
    assert printed.status == 0
    first, *rest = [json.loads(line) for line in printed.out.splitlines()]
    assert list(first) == ["done"]
    expected = {"id": "process_payment@3", "state": "suspended", "attempts": [], "trouble": ""}
    assert rest == [expected]
