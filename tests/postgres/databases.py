"""A fresh, empty database for each test, on a server that is there.

One is always made ahead, while the test before it runs, and dropped behind, by one thread with a
connection of its own. A template is prepared once (a schema is migrated, say) and cloned then.
`plugin.py` hands them to the tests.
"""

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, LiteralString
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier

EMPTY = "template0"  # of the server's own templates the one that nobody can have changed
CREATE = SQL("CREATE DATABASE {} TEMPLATE {}")
# By copies of files: what goes through the log has to be written out by the drop after it. Before
# PostgreSQL 15 there was nothing else.
BY_FILES, CHOSEN_FROM = SQL(" STRATEGY FILE_COPY"), 150_000
DROP = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
ENDING_MILLISECONDS = 5_000

Prepare = Callable[["Database"], object]


@dataclass(frozen=True)
class Database:
    url: str

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.removeprefix("/")

    def execute(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """By a connection of its own, as a person with a shell would; the rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def terminate(self, application_name: str) -> int:
        """Ends the connections of that name, and returns how many when they are gone."""
        ended = self.execute(
            "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()"
            " AND pid <> pg_backend_pid()",
            ENDING_MILLISECONDS,
            application_name,
        )
        return sum(gone for (gone,) in ended)


class Databases:
    """`url` is of any database of the server that stays, by a user who may create others."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._names = (f"perdure_{os.getpid()}_{uuid4().hex[:8]}_{n}" for n in count(1))
        self._thread = ThreadPoolExecutor(1, "databases")
        self._ahead: defaultdict[str, deque[Future[Database]]] = defaultdict(deque)
        self._templates: dict[str, Database] = {}
        self._drops: deque[Future[object]] = deque()

    def close(self) -> None:
        for waiting in self._ahead.values():
            for future in waiting:
                self._drop(future.result())
        for template in self._templates.values():
            self._drop(template)
        self._thread.shutdown()
        self._connection.close()
        for drop in self._drops:
            drop.result()

    @contextmanager
    def fresh(self, template: str = EMPTY) -> Iterator[Database]:
        """An empty one, or a clone of a template; dropped at the end, whoever is connected."""
        while self._drops and self._drops[0].done():
            self._drops.popleft().result()
        ahead = self._ahead[template]
        if not ahead:
            ahead.append(self._thread.submit(self._create, template))
        database = ahead.popleft().result()
        ahead.append(self._thread.submit(self._create, template))
        try:
            yield database
        finally:
            self._drop(database)

    def template(self, name: str, prepare: Prepare) -> str:
        """A template for `fresh`. `prepare` is called once, and must leave no connection open."""
        if name not in self._templates:
            database = self._thread.submit(self._create, EMPTY).result()
            prepare(database)
            self._templates[name] = database
        return self._templates[name].name

    def _create(self, template: str) -> Database:
        name = next(self._names)
        statement = CREATE.format(Identifier(name), Identifier(template))
        if self._connection.info.server_version >= CHOSEN_FROM:
            statement += BY_FILES
        self._connection.execute(statement)
        return Database(urlsplit(self._url)._replace(path=f"/{name}").geturl())

    def _drop(self, database: Database) -> None:
        statement = DROP.format(Identifier(database.name))
        self._drops.append(self._thread.submit(self._connection.execute, statement))
