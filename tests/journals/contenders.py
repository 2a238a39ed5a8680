"""Runners that want the same shards, each by a connection of its own; nothing of them runs alone.

What they own and append is by the functions that engines use. `check_one_owner_at_a_time` looks at
what is left of them: invariants I1, I2 and I8.
"""

from collections.abc import Iterator, Sequence

import psycopg

from perdure.infrastructure.entry import encoded
from perdure.infrastructure.postgres import flush, lease, log
from perdure.infrastructure.postgres.address import database_of
from perdure.infrastructure.postgres.connection import Connection
from perdure.infrastructure.postgres.lease import Occupied
from perdure.infrastructure.postgres.log import Statements
from perdure.infrastructure.postgres.tenure import Tenure
from tests.journals.stores import PostgresStore
from tests.journals.submissions import start

SECONDS = 600.0  # no lease ends by itself here


class Contender:
    """A runner's connection; `append` starts one more execution of the one shard."""

    def __init__(self, store: PostgresStore, names: Iterator[str]) -> None:
        self.database = database_of(store.url)
        self.connection: Connection = self.database.connect("test")
        self.statements = Statements(self.database.schema)
        self.names = names
        self.tenure: Tenure | None = None
        self.acknowledged: list[str] = []

    def take(self, given_up: Occupied | None = None) -> Tenure | Occupied:
        taken = lease.take(self.connection, self.statements, SECONDS, "here", given_up=given_up)
        self.tenure = taken if isinstance(taken, Tenure) else None
        return taken

    def append(self, name: str = "") -> bool:
        """Whether it was stored; False when it was fenced."""
        assert self.tenure is not None
        name = name or next(self.names)
        entries = [encoded(start(name))]
        try:
            assert log.append(self.connection, self.statements, self.tenure, entries) == [True]
        except psycopg.DatabaseError as error:
            if error.sqlstate != flush.FENCED:
                raise
            return False
        self.acknowledged.append(name)
        return True

    def leave(self) -> bool:
        assert self.tenure is not None
        lease.leave(self.connection, self.statements, self.tenure.runner)
        return False

    def close(self) -> None:
        self.connection.close()

    def take_and_append(self) -> bool:
        return isinstance(self.take(), Tenure) and self.append()


def check_one_owner_at_a_time(store: PostgresStore, contenders: Sequence[Contender]) -> None:
    """What was acknowledged is there, nothing else, and each owner's part is of one piece."""
    rows = store.execute("SELECT position, epoch, execution_id FROM events ORDER BY position")
    assert [position for position, _, _ in rows] == list(range(1, len(rows) + 1))
    epochs = [int(str(epoch)) for _, epoch, _ in rows]
    assert epochs == sorted(epochs)
    acknowledged = [name for each in contenders for name in each.acknowledged]
    assert {name for _, _, name in rows} == set(acknowledged)
    assert len(rows) == 2 * len(acknowledged)
