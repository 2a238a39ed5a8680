"""Databases of the tests: each alone and empty, cloned from what was prepared once."""

import psycopg
import pytest

from tests.postgres.databases import Database, Databases


def orders(database: Database) -> None:
    database.execute("CREATE TABLE orders (id text PRIMARY KEY)")
    database.execute("INSERT INTO orders VALUES ('order-1')")


def tables(database: Database) -> list[str]:
    found = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [name for (name,) in found]


def test_the_server_is_a_real_one(postgres: Database) -> None:
    [(version,)] = postgres.execute("SELECT version()")
    assert version.startswith("PostgreSQL ")


def test_a_database_is_empty_and_alone(postgres_databases: Databases) -> None:
    with postgres_databases.fresh() as one, postgres_databases.fresh() as other:
        orders(one)
        assert tables(one) == ["orders"]
        assert tables(other) == []


def test_a_database_is_dropped_although_somebody_is_connected(
    postgres_databases: Databases,
) -> None:
    with postgres_databases.fresh() as database:
        connection = psycopg.connect(database.url)
    with connection, pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT pg_sleep(30)")  # the drop, which is done behind, ends it


def test_a_template_is_prepared_once_and_cloned(postgres_databases: Databases) -> None:
    prepared = []

    def prepare(database: Database) -> None:
        prepared.append(database)
        orders(database)

    for _ in range(3):
        template = postgres_databases.template("orders", prepare)
        with postgres_databases.fresh(template) as database:
            assert database.execute("SELECT id FROM orders") == [("order-1",)]
            database.execute("DELETE FROM orders")
    assert len(prepared) == 1


def test_connections_are_ended_by_their_name(postgres: Database) -> None:
    def connected(name: str) -> psycopg.Connection:
        return psycopg.connect(postgres.url, application_name=name, autocommit=True)

    with connected("shop") as stays, connected("worker") as first, connected("worker") as second:
        assert postgres.terminate("worker") == 2
        for ended in (first, second):
            with pytest.raises(psycopg.errors.AdminShutdown):
                ended.execute("SELECT 1")
        assert stays.execute("SELECT 1").fetchone() == (1,)
    assert postgres.terminate("worker") == 0
