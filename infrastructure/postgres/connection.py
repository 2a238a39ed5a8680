"""Connections to a journal's database: by its address, at the isolation that appends need."""

import math
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from perdure.infrastructure.postgres import arrays
from perdure.infrastructure.postgres.patience import SILENCE_SECONDS, PatientConnection

Connection: TypeAlias = PatientConnection

LEAST_CONNECT_SECONDS, CONNECT_SECONDS = 3, 10
# A server that is gone without a word is noticed after some 10 seconds, not after minutes.
KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Whatever the server is set to: what the fence needs, what "durable" means, and that nobody who is
# gone without a word keeps locks.
SESSION = """
    SELECT set_config('default_transaction_isolation', 'read committed', false),
        set_config('synchronous_commit',
            CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
            ELSE current_setting('synchronous_commit') END, false),
        set_config('idle_in_transaction_session_timeout', '5s', false)
"""


@dataclass(frozen=True, slots=True)
class Database:
    """Where a journal lies: psycopg's connection string, and the schema."""

    conninfo: str = field(repr=False)  # with its password
    schema: str
    shown: str  # the address without its password, for messages
    silence_seconds: float = SILENCE_SECONDS  # how long a statement waits for a word of the server

    def connect(self, purpose: str) -> Connection:
        """A connection in autocommit mode. Raises psycopg's errors."""
        connection = self.plain(purpose)
        try:
            connection.execute(SESSION)
            arrays.register(connection)
        except BaseException:
            connection.close()
            raise
        connection.silence_seconds = self.silence_seconds
        return connection

    def plain(self, purpose: str) -> Connection:
        """One that changes nothing of its session."""
        known = conninfo_to_dict(self.conninfo)
        patience = min(max(LEAST_CONNECT_SECONDS, math.ceil(self.silence_seconds)), CONNECT_SECONDS)
        defaults = {"connect_timeout": patience, **KEEPALIVE}
        options = {name: value for name, value in defaults.items() if name not in known}
        return PatientConnection.connect(
            make_conninfo(self.conninfo, application_name=f"perdure {purpose}", **options),
            autocommit=True,
            prepare_threshold=0,
        )

    def with_patience(self, silence_seconds: float) -> "Database":
        """The same, whose statements wait so long for a word of the server."""
        return replace(self, silence_seconds=silence_seconds)
