"""Places for journals in PostgreSQL: a schema for each run, which is dropped after it.

What is at the address otherwise is left alone. Servers are started by whoever measures.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
from psycopg import sql

from perdure.infrastructure.postgres.address import database_of

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

KINDS = ("postgresql://", "postgres://")


@dataclass(frozen=True)
class Schema:
    """One schema of a database, as a person with a shell has it."""

    url: str

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(database_of(self.url).schema)

    def connect(self) -> Connection:
        """In autocommit mode."""
        return database_of(self.url).connect("bench")


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    """The same address with a schema of its own; one that names its schema is taken as it is."""
    if "schema=" in url:
        yield url
        return
    own = f"{url}{'&' if '?' in url else '?'}schema=perdure_bench_{uuid4().hex[:12]}"
    try:
        yield own
    finally:
        schema = Schema(own)
        with schema.connect() as connection:
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema.name))
