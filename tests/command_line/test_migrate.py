"""`perdure migrate`, as it is typed, on files and on a server."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.migrating import migrate
from perdure.infrastructure.sqlite.lock import EngineLock
from tests.command_line.conftest import CommandLine, some_orders
from tests.command_line.test_doctor import checks
from tests.postgres.databases import Database


@pytest.fixture
def shop(postgres: Database) -> str:
    return f"{postgres.url}?schema=shop"


def test_migrate_makes_a_file_or_says_that_it_is_current(perdure: CommandLine, url: str) -> None:
    planned = perdure("migrate", "--journal", url, "--dry-run")
    assert planned.status == 0
    assert "CREATE TABLE events" in planned.out
    assert not Path(url.removeprefix("sqlite:///")).exists()
    assert perdure("migrate", "--journal", url).out == "A journal was made, of version 2.\n"
    again = perdure("migrate", "--journal", url)
    assert again.out == "The journal is of version 2, as this Perdure needs it.\n"
    made = perdure("doctor", "--journal", url)
    assert (made.status, made.err) == (0, "")


def test_a_file_of_an_older_version_is_refused_until_it_is_migrated(
    perdure: CommandLine, url: str, tmp_path: Path
) -> None:
    # behaviour 67
    asyncio.run(some_orders(url))
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE journal DROP COLUMN encrypted")
        connection.execute("UPDATE journal SET schema_version = 1")
    refused = perdure("list", "--journal", url)
    assert (refused.status, refused.out) == (1, "")
    assert "a journal of version 1, this Perdure needs 2" in refused.err
    assert "perdure migrate" in refused.err
    assert checks(perdure("doctor", "--journal", url, "--json"))["schema version"][0] == "failed"
    planned = perdure("migrate", "--journal", url, "--dry-run").out
    assert planned.startswith("-- The journal would be migrated from version 1 to 2.\n")
    assert "ADD COLUMN encrypted" in planned
    lock = EngineLock(path)
    assert "another engine" in perdure("migrate", "--journal", url).err
    lock.release()
    done = perdure("migrate", "--journal", url, "--json")
    assert json.loads(done.out) == {"before": 1, "after": 2, "granted": [], "sql": ""}
    assert perdure("doctor", "--journal", url, "--all").status == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT encrypted FROM journal").fetchall() == [(0,)]


def test_the_plan_for_a_file_makes_a_journal_in_a_shell(
    perdure: CommandLine, url: str, tmp_path: Path
) -> None:
    connection = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    connection.executescript(perdure("migrate", "--journal", url, "--dry-run").out)
    connection.close()
    asyncio.run(some_orders(url))
    assert perdure("doctor", "--journal", url, "--all").status == 0


def test_a_file_has_no_roles_and_a_journal_in_memory_no_keeper(
    perdure: CommandLine, url: str
) -> None:
    assert "knows no roles" in perdure("migrate", "--journal", url, "--grant", "shop").err
    for command in ("migrate", "doctor"):
        printed = perdure(command, "--journal", "memory://orders")
        assert (printed.status, printed.out) == (1, "")
        assert "its process's own" in printed.err


def test_migrate_makes_a_schema_and_tells_what_it_did(
    perdure: CommandLine, shop: str, postgres: Database
) -> None:
    now = schema.SCHEMA_VERSION
    assert perdure("migrate", "--journal", shop).out == f"A journal was made, of version {now}.\n"
    postgres.execute("DROP SCHEMA shop CASCADE")
    migrate(database_of(shop), to=1)
    planned = perdure("migrate", "--journal", shop, "--dry-run")
    assert planned.out.startswith(f"-- The journal would be migrated from version 1 to {now}.\n")
    assert "ADD COLUMN incarnation" in planned.out
    assert checks(perdure("doctor", "--journal", shop, "--json"))["schema version"][0] == "failed"
    done = perdure("migrate", "--journal", shop, "--json")
    assert json.loads(done.out) == {"before": 1, "after": now, "granted": [], "sql": ""}


def test_a_role_that_was_granted_what_it_needs_is_told(
    perdure: CommandLine, shop: str, postgres: Database
) -> None:
    role = f"role_{uuid4().hex}"
    postgres.execute(f"CREATE ROLE {role}")  # type: ignore[arg-type]
    try:
        planned = perdure("migrate", "--journal", shop, "--grant", role, "--dry-run")
        assert f'GRANT SELECT, INSERT ON "shop".events TO "{role}";' in planned.out
        done = perdure("migrate", "--journal", shop, "--grant", role)
        assert f"{role} has what an engine needs.\n" in done.out
    finally:
        postgres.execute(f"DROP OWNED BY {role}")  # type: ignore[arg-type]
        postgres.execute(f"DROP ROLE {role}")  # type: ignore[arg-type]
