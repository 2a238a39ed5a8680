"""Migrations on PostgreSQL: from nothing, from each older version, by several processes at once."""

import asyncio
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from perdure.domain.errors import JournalInUse, NotAJournal
from perdure.infrastructure.errors import OutdatedJournal
from perdure.infrastructure.journals import open_journal, open_post_office
from perdure.infrastructure.postgres import ownership, schema
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.migrating import FOLDER, Migrated, migrate, planned
from tests.journals.submissions import lengths, payment, start, step
from tests.postgres.databases import Database

ROOT = Path(__file__).parents[2]
A = payment(1)
OLDER = range(1, schema.SCHEMA_VERSION)
COLUMNS = """
    SELECT table_name, column_name, data_type, column_default, is_nullable
    FROM information_schema.columns WHERE table_schema = 'shop' ORDER BY 1, 2
"""
OPENS = """
import asyncio, sys
from perdure.infrastructure.journals import open_post_office
async def main():
    await (await open_post_office(sys.argv[1])).close()
sys.stdin.readline()
asyncio.run(main())
"""
OPENS_AND_TELLS = f"{OPENS}\nprint('alembic' in sys.modules)"
MIGRATES = """
import sys
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.migrating import migrate
sys.stdin.readline()
done = migrate(database_of(sys.argv[1]))
print(done.before, done.after)
"""


@pytest.fixture
def url(postgres: Database) -> str:
    return f"{postgres.url}?schema=shop"


def at_once(code: str, url: str, times: int = 4) -> list[str]:
    """What so many processes print that begin at once, when all of them are there."""
    command = [sys.executable, "-c", code, url]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for _ in range(times)
    ]
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    told = [each.communicate(timeout=50) for each in running]
    assert [each.returncode for each in running] == [0] * times, told
    return sorted(out.strip() for out, _ in told)


def of_version(url: str, version: int) -> None:
    """A journal as an older Perdure has left it."""
    assert migrate(database_of(url), to=version) == Migrated(0, version)


def versions(postgres: Database) -> list[tuple[object, ...]]:
    return postgres.execute("SELECT schema_version, version_num FROM shop.journal, shop.migration")


NOW = [(schema.SCHEMA_VERSION, f"{schema.SCHEMA_VERSION:04}")]


def test_each_version_has_its_migration() -> None:
    # behaviour 67
    found = sorted(path.name[:5] for path in (FOLDER / "versions").glob("v*.py"))
    assert found == [f"v{number:04}" for number in range(1, schema.SCHEMA_VERSION + 1)]


@pytest.mark.parametrize("version", OLDER)
async def test_a_journal_of_an_older_version_is_refused_until_it_is_migrated(
    url: str, postgres: Database, version: int
) -> None:
    # behaviour 67
    of_version(url, version)
    for refused in (open_journal(url), open_journal(url, read_only=True), open_post_office(url)):
        with pytest.raises(OutdatedJournal, match="run perdure migrate"):
            await refused
    assert versions(postgres) == [(version, f"{version:04}")]
    assert migrate(database_of(url)) == Migrated(version, schema.SCHEMA_VERSION)
    journal = await open_journal(url)
    assert await journal.append([start(A)]) == [True]
    await journal.close()
    assert versions(postgres) == NOW


@pytest.mark.parametrize("version", OLDER)
async def test_an_older_journal_keeps_its_rows_and_becomes_like_a_new_one(
    url: str, postgres: Database, version: int
) -> None:
    # behaviour 67
    await (await open_journal(url)).close()
    new = postgres.execute(COLUMNS)
    postgres.execute("DROP SCHEMA shop CASCADE")
    of_version(url, version)
    postgres.execute(
        "INSERT INTO shop.events (shard, execution_id, version, topic, body, position, epoch,"
        " format) VALUES (3, 'A@1', 1, 'ExecutionStarted', 'x', 1, 7, 1)"
    )
    migrate(database_of(url))
    assert postgres.execute("SELECT execution_id, epoch FROM shop.events") == [("A@1", 7)]
    assert postgres.execute(COLUMNS) == new


@pytest.mark.parametrize("by", ["migrate", "dry run"])
def test_a_journal_that_was_made_before_versions_were_counted_is_migrated(
    url: str, postgres: Database, by: str
) -> None:
    of_version(url, 1)
    postgres.execute("DROP TABLE shop.migration")
    if by == "migrate":
        assert migrate(database_of(url)).before == 1
    else:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(planned(database_of(url)).sql.encode())
    assert versions(postgres) == NOW


async def test_a_newer_journal_is_refused_by_all_and_left_as_it_is(
    url: str, postgres: Database
) -> None:
    await (await open_journal(url)).close()
    postgres.execute("UPDATE shop.journal SET schema_version = 99")
    for refused in (open_journal(url), open_journal(url, read_only=True), open_post_office(url)):
        with pytest.raises(NotAJournal, match=r"version 99, newer .* nothing was changed"):
            await refused
    with pytest.raises(NotAJournal, match="nothing was changed"):
        migrate(database_of(url))
    assert postgres.execute("SELECT schema_version FROM shop.journal") == [(99,)]


def test_a_migration_that_fails_half_way_changes_nothing(url: str, postgres: Database) -> None:
    # behaviour 67
    of_version(url, 1)
    postgres.execute("CREATE VIEW shop.view AS SELECT schema_version FROM shop.journal")
    postgres.execute("ALTER TABLE shop.journal ADD COLUMN incarnation text")
    with pytest.raises(psycopg.Error, match="already exists"):
        migrate(database_of(url))
    assert versions(postgres) == [(1, "0001")]


async def test_nothing_is_migrated_while_an_engine_owns_the_journal(
    url: str, postgres: Database
) -> None:
    journal = await open_journal(url)
    await journal.append([start(A)])
    postgres.execute("UPDATE shop.journal SET schema_version = 1")
    with pytest.raises(JournalInUse, match="stop every engine on it"):
        migrate(database_of(url))
    postgres.execute("UPDATE shop.journal SET schema_version = 2")
    assert await journal.append([step(A, 2)]) == [True]
    assert await lengths(journal, A) == {A: 4}
    await journal.close()


async def test_an_engine_that_waited_takes_no_journal_that_was_migrated_past_it(
    url: str, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # behaviour 67
    waiting = asyncio.Event()
    monkeypatch.setattr(ownership.log, "warning", lambda *_: waiting.set())
    journal = await open_journal(url)
    second = asyncio.create_task(open_journal(url))
    await waiting.wait()
    postgres.execute("UPDATE shop.journal SET schema_version = 99")
    await journal.close()
    with pytest.raises(NotAJournal, match="newer"):
        await second
    assert postgres.execute("SELECT FROM shop.shard_lease WHERE owner IS NOT NULL") == []


def test_a_dry_run_prints_what_a_shell_can_do_as_well(url: str, postgres: Database) -> None:
    migrate(database_of(url))
    new = postgres.execute(COLUMNS)
    postgres.execute("DROP SCHEMA shop CASCADE")
    plan = planned(database_of(url))
    assert (plan.before, plan.after) == (0, schema.SCHEMA_VERSION)
    assert postgres.execute("SELECT FROM pg_namespace WHERE nspname = 'shop'") == []
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(plan.sql.encode())
    assert postgres.execute(COLUMNS) == new
    assert versions(postgres) == NOW
    assert migrate(database_of(url)) == Migrated(schema.SCHEMA_VERSION, schema.SCHEMA_VERSION)


@pytest.mark.parametrize("version", OLDER)
def test_a_dry_run_of_an_older_journal_does_the_rest_of_it(
    url: str, postgres: Database, version: int
) -> None:
    of_version(url, version)
    plan = planned(database_of(url))
    assert versions(postgres) == [(version, f"{version:04}")]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(plan.sql.encode())
    assert versions(postgres) == NOW


@pytest.mark.faults
def test_opening_a_journal_that_is_current_does_not_pay_for_migrations(url: str) -> None:
    assert at_once(OPENS_AND_TELLS, url, times=1) == ["True"]
    assert at_once(OPENS_AND_TELLS, url, times=1) == ["False"]


@pytest.mark.faults
async def test_four_processes_that_open_an_empty_database_at_once_make_one_journal(
    url: str, postgres: Database
) -> None:
    # behaviour 67
    assert at_once(OPENS, url) == [""] * 4
    assert versions(postgres) == NOW
    journal = await open_journal(url)
    assert await journal.append([start(A)]) == [True]
    await journal.close()


@pytest.mark.faults
def test_of_four_processes_that_migrate_at_once_one_does_it(url: str, postgres: Database) -> None:
    # behaviour 67
    of_version(url, 1)
    now = schema.SCHEMA_VERSION
    assert at_once(MIGRATES, url) == [f"1 {now}", *[f"{now} {now}"] * 3]
    assert versions(postgres) == NOW
