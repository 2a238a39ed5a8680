"""The keeper of a journal in PostgreSQL: migrations, rights, checks, and what follows a restore."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from perdure.infrastructure.keeping import Finding, Migration
from perdure.infrastructure.postgres import granting, restoring, schema
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.checkup import examination
from perdure.infrastructure.postgres.connection import Connection, Database
from perdure.infrastructure.postgres.translation import translated


def keeper_of(url: str) -> "PostgresKeeper":
    """Raises BadAddress."""
    return PostgresKeeper(database_of(url))


class PostgresKeeper:
    """Implements perdure.infrastructure.keeping.Keeper."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def migrate(self, roles: Sequence[str] = ()) -> Migration:
        with self._connected("migrating") as connection:
            for role in roles:  # before anything is done
                granting.check_role(connection, self._database, role)
            done = schema.migrating().migrate(self._database)
            for role in roles:
                granting.grant(connection, self._database, role)
        return Migration(done.before, done.after)

    def planned(self, roles: Sequence[str] = ()) -> Migration:
        with translated(self._database.shown, "planning"):
            done = schema.migrating().planned(self._database)
        grants = [each for role in roles for each in granting.granting(self._database, role)]
        granted = "".join(f"{statement};\n" for statement in grants)
        return Migration(done.before, done.after, done.sql + granted)

    def examine(self, *, everything: bool = False) -> list[Finding]:
        return examination(self._database, everything=everything)

    def begin_anew(self) -> str:
        with self._connected("beginning anew") as connection:
            incarnation, places = restoring.begin_anew(connection, self._database)
        fenced = f"fenced: {'; '.join(places)}" if places else "no engine was in it"
        return f"incarnation {incarnation} of the journal has begun; {fenced}"

    @contextmanager
    def _connected(self, doing: str) -> Iterator[Connection]:
        with (
            translated(self._database.shown, doing),
            self._database.connect("keeper") as connection,
        ):
            yield connection
