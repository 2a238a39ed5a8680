"""Orders in a transaction of the caller: there when it commits, and never when it does not.

The connection is the caller's, and so is its library: SQLAlchemy, psycopg or sqlite3. Statements
are written with `:name` for their values, as SQLAlchemy and sqlite3 have them.
"""

import re
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any

from perdure.domain.mailbox import Envelope
from perdure.infrastructure.errors import ForeignTransaction

AUTOCOMMIT = "the connection is in autocommit mode, without a transaction: begin one"
NAMED = re.compile(r":(\w+)")
# Nothing where it is another journal: a connection may lead anywhere.
POST = """
    INSERT INTO {mailbox} (envelope_id, shard, execution_id, kind, body, sent)
    SELECT :envelope_id, CAST(:shard AS integer), :execution_id, :kind, :body,
        CAST(:sent AS bigint)
    FROM {journal} WHERE journal_id = :journal_id
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Of a backend: how SQLAlchemy names it, and whether one of its connections has no transaction.

    In such a one a statement is there for good at once.
    """

    name: str
    commits_by_itself: Callable[[Any], bool]


def loaded(*names: str) -> tuple[Any, ...]:
    """Those of these classes whose modules are loaded: whoever has an object has loaded them."""
    parts = (name.rpartition(".") for name in names)
    return tuple(
        getattr(sys.modules[module], name) for module, _, name in parts if module in sys.modules
    )


SQLALCHEMY = partial(
    loaded,
    *("sqlalchemy.engine.Connection", "sqlalchemy.orm.Session", "sqlalchemy.orm.scoped_session"),
    *("sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.ext.asyncio.AsyncSession"),
)
PSYCOPG = partial(loaded, "psycopg.Connection", "psycopg.AsyncConnection")


def values_of(envelope: Envelope, journal_id: str) -> dict[str, object]:
    """What POST takes."""
    return {
        "envelope_id": envelope.id,
        "shard": envelope.shard,
        "execution_id": envelope.execution_id,
        "kind": envelope.kind,
        "body": envelope.body.decode(),
        "sent": envelope.sent,
        "journal_id": journal_id,
    }


async def execute_within(
    transaction: Any, dialect: Dialect, statement: str, values: Mapping[str, object]
) -> int:
    """How many rows it concerned.

    Raises ForeignTransaction for what is no connection of it, or has no transaction; and whatever
    the caller's library raises.
    """
    written: Any = statement
    if isinstance(transaction, SQLALCHEMY()):
        bind = transaction.get_bind() if hasattr(transaction, "get_bind") else transaction
        given, driver = bind.dialect.name, await driver_of(transaction)
        written = sys.modules["sqlalchemy"].text(statement)
    elif isinstance(transaction, sqlite3.Connection):
        given, driver = "sqlite", transaction
    elif isinstance(transaction, PSYCOPG()):
        given, driver = "postgresql", transaction
        written = NAMED.sub(r"%(\1)s", statement)
    else:
        raise ForeignTransaction(
            f"{type(transaction).__qualname__} is no transaction that an order can be part of: "
            "give a connection or session of SQLAlchemy, or a connection of psycopg or sqlite3"
        )
    check_dialect(given, dialect.name)
    if dialect.commits_by_itself(driver):
        raise ForeignTransaction(AUTOCOMMIT)
    done = await settled(transaction.execute(written, dict(values)))
    return int(done.rowcount)


async def driver_of(transaction: Any) -> Any:
    """The driver's connection below SQLAlchemy's, or what SQLAlchemy puts over an async one."""
    session = hasattr(transaction, "get_bind")
    connection = await settled(transaction.connection()) if session else transaction
    connection = getattr(connection, "sync_connection", connection)
    return connection.connection.dbapi_connection


async def settled(done: Any) -> Any:
    """The answer of a library, async or not."""
    return await done if isawaitable(done) else done


def check_dialect(given: str, expected: str) -> None:
    """Raises ForeignTransaction."""
    if given != expected:
        raise ForeignTransaction(f"a connection of {given}, but the journal is in {expected}")


def check_posted(count: int, where: str) -> None:
    """Raises ForeignTransaction when POST stored nothing."""
    if count != 1:
        raise ForeignTransaction(
            f"{where}: the connection leads to another journal; nothing was ordered"
        )
