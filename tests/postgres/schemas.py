"""Schemas that are journals already, lent to one test after the other.

To make one, and to drop it, takes twenty times as long as to empty it. What comes back is dropped
all the same unless it is as it was made and its last runner has left: no test meets what another
one has changed, or who is not gone. `plugin.py` lends them; how a journal is made by the engine
that opens it is for tests to show that name a schema of their own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg

from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.migrating import planned

SHAPE = """
    SELECT string_agg(
        concat_ws(' ', relname, relkind, relhastriggers, reloptions, attname, atttypid, attnotnull),
        ', ' ORDER BY relname, attnum
    )
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = to_regnamespace('{schema}')
"""
ROWS = """
    SELECT (SELECT count(*) FROM {schema}.runner), (SELECT count(*) FROM {schema}.runner_writer),
        (SELECT count(*) FROM {schema}.shard_lease),
        (SELECT jsonb_agg(to_jsonb(journal) - '{{journal_id, incarnation, encrypted}}'::text[])
        FROM {schema}.journal)
"""
EMPTY = """
    BEGIN;
    DELETE FROM {schema}.events;
    DELETE FROM {schema}.executions;
    DELETE FROM {schema}.mailbox;
    UPDATE {schema}.shard_lease SET owner = DEFAULT, epoch = DEFAULT;
    UPDATE {schema}.journal
        SET journal_id = DEFAULT, incarnation = DEFAULT, encrypted = DEFAULT;
    SELECT setval('{schema}.events_notification_id_seq', 1, false),
        setval('{schema}.mailbox_arrival_seq', 1, false);
    COMMIT
"""
DROP = "DROP SCHEMA IF EXISTS {schema} CASCADE"

Lend = Callable[[], str]


def new_name() -> str:
    """Of a schema that is not there yet. Lends nothing, for whoever wants it made by an engine."""
    return f"payments_{uuid4().hex}"


class Schemas:
    """`database` is the address of the one that they lie in. They stay when it is closed."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self._pattern = new_name()
        self._making = planned(database_of(f"{database}?schema={self._pattern}")).sql
        self._free: list[str] = []
        self._made: tuple[Any, Any] | None = None

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def lending(self) -> Iterator[Lend]:
        """Any number of them, by their names, until the end."""
        lent: list[str] = []

        def lend() -> str:
            lent.append(self._free.pop() if self._free else self._make())
            return lent[-1]

        try:
            yield lend
        finally:
            for name in lent:
                self._take_back(name)

    def _make(self) -> str:
        name = new_name()
        self._connection.execute(self._making.replace(self._pattern, name).encode())
        self._made = self._made or self._state(name)
        return name

    def _take_back(self, name: str) -> None:
        if self._state(name) == self._made:
            self._execute(EMPTY, name)
            self._free.append(name)
        else:
            self._execute(DROP, name)

    def _state(self, name: str) -> tuple[Any, Any] | None:
        """What must not have changed; None where its tables are others."""
        [(shape,)] = self._execute(SHAPE, name).fetchall()
        if self._made is not None and shape != self._made[0]:
            return None
        return shape, self._execute(ROWS, name).fetchall()

    def _execute(self, statement: str, name: str) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement.format(schema=name).encode())
