"""What one test was lent is empty for the next one, or gone if it cannot be."""

import psycopg

from perdure.infrastructure.postgres import schema
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.journal import PostgresJournal
from perdure.infrastructure.postgres.migrating import migrate
from perdure.infrastructure.postgres.post_office import PostgresPostOffice
from tests.journals.envelopes import envelope
from tests.journals.submissions import payment, start
from tests.postgres.databases import Database
from tests.postgres.schemas import SHAPE, Schemas, new_name

A = payment(1)


def stored(database: Database, name: str) -> dict[str, object]:
    """The rows of each table but Alembic's, and what its numbers go on with."""
    with psycopg.connect(database.url) as connection:
        tables = schema.NAMES | {"events_notification_id_seq", "mailbox_arrival_seq"}
        rows = "coalesce(jsonb_agg(found ORDER BY found::text), '[]')"
        query = f"SELECT {rows} FROM (TABLE {{}}.{{}}) AS found"
        return {
            each: connection.execute(query.format(name, each).encode()).fetchall()
            for each in sorted(tables)
        }


async def use(database: Database, name: str) -> PostgresJournal:
    journal = await PostgresJournal.open(database_of(f"{database.url}?schema={name}"))
    await journal.append([start(A)])
    post_office = await PostgresPostOffice.open(database_of(f"{database.url}?schema={name}"))
    await post_office.post([envelope("e-1", A)])
    await post_office.close()
    return journal


async def test_what_comes_back_is_lent_again_as_if_it_were_new(postgres: Database) -> None:
    schemas = Schemas(postgres.url)
    with schemas.lending() as lend:
        name, other = lend(), lend()
        before = stored(postgres, name)
        await (await use(postgres, name)).close()
        assert stored(postgres, name) != before
    with schemas.lending() as lend:
        assert {lend(), lend()} == {name, other}
        after = stored(postgres, name)
        assert after.pop("journal") != before.pop("journal")  # its id is another
        assert after == before
    schemas.close()


async def test_what_somebody_still_owns_is_not_lent_again(postgres: Database) -> None:
    schemas = Schemas(postgres.url)
    with schemas.lending() as lend:
        name = lend()
        journal = await use(postgres, name)
    with schemas.lending() as lend:
        assert lend() != name
    assert not schema_is_there(postgres, name)
    await journal.close()
    schemas.close()


CHANGES = (
    "ALTER TABLE {}.events ADD COLUMN amount bigint",
    "DROP TABLE {}.mailbox",
    "DROP INDEX {}.mailbox_open",
    "DELETE FROM {}.journal",
    "DELETE FROM {}.shard_lease WHERE shard = 0",
    "UPDATE {}.journal SET schema_version = 99",
    "DROP SCHEMA {} CASCADE",
)


def test_what_was_changed_is_not_lent_again(postgres: Database) -> None:
    schemas = Schemas(postgres.url)
    with schemas.lending() as lend:
        changed = {lend(): change for change in CHANGES}
        for name, change in changed.items():
            postgres.execute(change.format(name))
    with schemas.lending() as lend:
        for change in CHANGES:
            assert lend() not in changed, change
    left = postgres.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'payments%'")
    assert not changed.keys() & {name for (name,) in left}
    schemas.close()


def test_what_is_lent_is_what_a_migration_makes(postgres: Database) -> None:
    migrated = new_name()
    migrate(database_of(f"{postgres.url}?schema={migrated}"))
    schemas = Schemas(postgres.url)
    with schemas.lending() as lend, psycopg.connect(postgres.url) as connection:
        lent = lend()
        shapes = [
            connection.execute(SHAPE.format(schema=name).encode()).fetchall()
            for name in (migrated, lent)
        ]
    assert shapes[0] == shapes[1]
    schemas.close()


def schema_is_there(database: Database, name: str) -> bool:
    with psycopg.connect(database.url) as connection:
        found = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (name,)).fetchone()
    return found == (True,)
