"""What a role needs on PostgreSQL, as docs/how_to/run_on_postgresql.md tells it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from perdure import Keys, NoKeys, connect, open_engine
from perdure.domain.errors import JournalError, JournalUnavailable
from perdure.domain.journal import Scan
from perdure.infrastructure.journals import open_journal
from perdure.infrastructure.keepers import keeper_of
from perdure.infrastructure.keeping import Verdict
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.granting import RIGHTS
from perdure.infrastructure.postgres.recorder import PostgresRecorder
from tests.command_line.shop import BuyLamp, buy_lamp
from tests.faults.audit import check_books
from tests.faults.processes import Shop
from tests.journals.submissions import payment, start
from tests.postgres.databases import Database

PASSWORD = "of-a-test"


@pytest.fixture
def role(postgres: Database) -> Iterator[str]:
    """A role without any right; it is the whole server's, so it has to go."""
    name = f"role_{uuid4().hex}"
    execute(postgres.url, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    execute(postgres.url, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def address(url: str, role: str) -> str:
    parts = urlsplit(url)
    return f"postgresql://{role}:{PASSWORD}@{parts.hostname}:{parts.port}{parts.path}?schema=shop"


async def test_the_owner_of_an_empty_schema_makes_the_journal_in_it(
    role: str, postgres: Database
) -> None:
    execute(postgres.url, f"CREATE SCHEMA shop AUTHORIZATION {role}")
    journal = await open_journal(address(postgres.url, role))
    assert await journal.append([start(payment(1))]) == [True]
    await journal.close()


async def test_who_only_looks_needs_usage_and_select(role: str, postgres: Database) -> None:
    journal = await open_journal(f"{postgres.url}?schema=shop")
    await journal.append([start(payment(1))])
    await journal.close()
    url = address(postgres.url, role)
    with pytest.raises(JournalUnavailable, match="the role lacks a right"):
        await open_journal(url, read_only=True)
    execute(
        postgres.url,
        f"GRANT USAGE ON SCHEMA shop TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {role}",
    )
    looking = await open_journal(url, read_only=True)
    assert len(await looking.scan(Scan(everything=True))) == 1
    await looking.close()


@pytest.fixture
def granted(role: str, postgres: Database) -> str:
    """The address of a journal, by a role that may only run engines and clients on it."""
    keeper_of(f"{postgres.url}?schema=shop").migrate([role])
    return address(postgres.url, role)


async def test_a_granted_role_runs_engines_and_clients_whole(granted: str) -> None:
    async with open_engine(granted, [buy_lamp]) as engine, connect(granted) as client:
        handle = await client.start(buy_lamp, BuyLamp(order_id="1", parked="suspended"))
        await handle.wait(states=["suspended"], timeout=20)
        await handle.cancel("the customer left")
        assert type(await handle.wait(states=["cancelled"], timeout=20)).__name__ == "Cancelled"
        resumed = await engine.start(buy_lamp, BuyLamp(order_id="2", parked="suspended"))
        await resumed.wait(states=["suspended"], timeout=20)
        await client.handle("buy_lamp@2").resume("the bank has paid")
        assert await resumed.result(timeout=20) == "bought"
    journal = await open_journal(granted)
    assert await journal.forget(2**62) == 3
    await journal.close()
    recorder = PostgresRecorder(database_of(granted))
    assert recorder.max_notification_id()
    recorder.close()


@pytest.mark.faults
async def test_a_granted_role_takes_over_from_one_that_was_killed(
    granted: str, tmp_path: Path
) -> None:
    # behaviour 50
    shop = Shop(tmp_path, granted)
    with shop.worker(0, 4, "after charge") as worker:
        worker.read_until("after charge")
        assert worker.kill()
    shop.finish(0, 4)
    assert await check_books(granted, shop.ledger) == set(range(4))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE shop.events SET body = 'x'",
        "UPDATE shop.events SET epoch = 99",
        "DELETE FROM shop.events",
        "TRUNCATE shop.events",
        "SELECT FROM shop.events FOR UPDATE",
        "DROP TABLE shop.events",
        "ALTER TABLE shop.events ADD COLUMN x int",
        "DELETE FROM shop.executions",
        "UPDATE shop.journal SET incarnation = 1",
        "INSERT INTO shop.events OVERRIDING SYSTEM VALUE SELECT * FROM shop.events "
        "ON CONFLICT (shard, execution_id, version) DO UPDATE SET body = 'x'",
    ],
)
async def test_a_granted_role_can_neither_change_nor_remove_an_event(
    granted: str, postgres: Database, statement: str
) -> None:
    journal = await open_journal(granted)
    await journal.append([start(payment(1))])
    await journal.close()
    before = postgres.execute("SELECT * FROM shop.events ORDER BY notification_id")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(granted.partition("?")[0], statement)
    assert postgres.execute("SELECT * FROM shop.events ORDER BY notification_id") == before


def test_a_grant_takes_back_what_was_given_before(
    role: str, granted: str, postgres: Database
) -> None:
    execute(postgres.url, f"GRANT ALL ON ALL TABLES IN SCHEMA shop TO {role}")
    keeper_of(f"{postgres.url}?schema=shop").migrate([role])
    found = postgres.execute(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = %s AND table_schema = 'shop'",
        role,
    )
    assert set(found) == {(table, right) for table, rights in RIGHTS.items() for right in rights}


def test_the_doctor_names_each_right_that_a_role_lacks(
    role: str, granted: str, postgres: Database
) -> None:
    keeper = keeper_of(granted)
    seen = {each.check: each for each in keeper.examine()}
    assert (seen["rights"].verdict, seen["events are safe"].verdict) == (Verdict.OK, Verdict.OK)
    for table, right in [(table, right) for table, rights in RIGHTS.items() for right in rights]:
        execute(postgres.url, f"REVOKE {right} ON shop.{table} FROM {role}")
        seen = {each.check: each for each in keeper.examine()}
        lacks = seen.get("rights", seen["schema version"])
        assert lacks.verdict is Verdict.FAILED
        assert f"{right} on {table}" in lacks.told or "lacks a right" in lacks.next_step
        execute(postgres.url, f"GRANT {right} ON shop.{table} TO {role}")
    execute(postgres.url, f"REVOKE UPDATE (encrypted) ON shop.journal FROM {role}")
    [lacks] = [each for each in keeper.examine() if each.check == "rights"]
    assert "lacks UPDATE (encrypted) on journal" in lacks.told


async def test_an_engine_with_keys_runs_by_a_granted_role(granted: str) -> None:
    # behaviour 64
    keys = Keys({"2026-11": bytes(32)})
    async with open_engine(granted, [buy_lamp], keys=keys) as engine:
        await engine.start(buy_lamp, BuyLamp(order_id="o-1"))
    with pytest.raises(NoKeys):
        await open_journal(granted)


def test_a_role_that_is_not_there_is_told_before_anything_is_done(postgres: Database) -> None:
    with pytest.raises(JournalError, match="there is no role 'nobody_known'"):
        keeper_of(f"{postgres.url}?schema=shop").migrate(["nobody_known"])
    assert postgres.execute("SELECT FROM pg_namespace WHERE nspname = 'shop'") == []
