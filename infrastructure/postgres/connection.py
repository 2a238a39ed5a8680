"""Connections to a journal's database: by its address, at the isolation that appends need."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from perdure.infrastructure.postgres import arrays

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 10
# A server that is gone without a word is noticed after some 10 seconds, not after minutes.
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Whatever the server is set to: what the fence needs, and what "durable" means.
SESSION = """
    SELECT set_config('default_transaction_isolation', 'read committed', false),
        set_config('synchronous_commit',
            CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
            ELSE current_setting('synchronous_commit') END, false)
"""


@dataclass(frozen=True, slots=True)
class Database:
    """Where a journal lies: psycopg's connection string, and the schema."""

    conninfo: str = field(repr=False)  # with its password
    schema: str
    shown: str  # the address without its password, for messages

    def connect(self, purpose: str) -> Connection:
        """A connection in autocommit mode. Raises psycopg's errors."""
        known = conninfo_to_dict(self.conninfo)
        defaults = {"connect_timeout": CONNECT_SECONDS, **KEEPALIVE}
        options = {name: value for name, value in defaults.items() if name not in known}
        connection: Connection = psycopg.connect(
            make_conninfo(self.conninfo, application_name=f"perdure {purpose}", **options),
            autocommit=True,
            prepare_threshold=0,
        )
        try:
            connection.execute(SESSION)
            arrays.register(connection)
        except BaseException:
            connection.close()
            raise
        return connection
