"""The tables of a journal in PostgreSQL, decided once: what is stored today is read for ever.

`shard` is the first column of every key, so that tables can be placed by it. Within a shard events
have a `position` without gaps, given by the shard's owner; `notification_id` is for the readers of
`eventsourcing` alone. Everything lies in a schema of its own. What is done with rows is log's,
mailbox's and lease's matter; the function that stores a flush stands in flush.
"""

from psycopg import sql

from perdure.domain.errors import NotAJournal
from perdure.domain.identity import DEFAULT_SHARDS
from perdure.domain.journal import ENDED_STATES
from perdure.infrastructure.errors import DamagedJournal
from perdure.infrastructure.postgres import flush
from perdure.infrastructure.postgres.connection import Connection

SCHEMA_VERSION = 1
HASH = "blake2b-64"
DEFAULT_SCHEMA = "perdure"
MAKING = 0x50657264  # "Perd": the advisory lock of whoever makes or migrates a journal

ENDED = ", ".join(repr(state) for state in ENDED_STATES)
OPEN_ONLY = f"state NOT IN ({ENDED})"

TABLES = (
    """
    CREATE TABLE {schema}.journal (
        journal_id text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', ''),
        shards integer NOT NULL,
        hash text NOT NULL,
        schema_version integer NOT NULL
    )
    """,
    """
    CREATE TABLE {schema}.events (
        shard integer NOT NULL,
        execution_id text COLLATE "C" NOT NULL,
        version bigint NOT NULL,
        topic text COLLATE "C" NOT NULL,
        body bytea NOT NULL,
        position bigint NOT NULL,
        epoch bigint NOT NULL,
        format smallint NOT NULL,
        key_id text COLLATE "C",
        notification_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        PRIMARY KEY (shard, execution_id, version),
        UNIQUE (shard, position)
    )
    """,
    # Rows lie in the order of it, so that a summary of each range of pages is enough.
    "CREATE INDEX events_notification_id ON {schema}.events USING brin (notification_id) "
    "WITH (autosummarize = on)",
    """
    CREATE TABLE {schema}.executions (
        shard integer NOT NULL,
        execution_id text COLLATE "C" NOT NULL,
        workflow text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        due bigint,
        started bigint NOT NULL,
        changed bigint NOT NULL,
        reason text NOT NULL,
        tags jsonb NOT NULL,
        PRIMARY KEY (shard, execution_id)
    ) WITH (fillfactor = 70)
    """,
    # What somebody may have to look at. An execution is in it from its start to its end.
    "CREATE INDEX executions_open ON {schema}.executions (due, execution_id, state) "
    f"WHERE {OPEN_ONLY}",
    # For lists, newest first.
    "CREATE INDEX executions_started ON {schema}.executions (started, execution_id)",
    # Orders of clients; settled ones stay for a while, so that none is carried out twice.
    """
    CREATE TABLE {schema}.mailbox (
        arrival bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        shard integer NOT NULL,
        envelope_id text COLLATE "C" NOT NULL,
        execution_id text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        body text NOT NULL,
        sent bigint NOT NULL,
        settled_at bigint,
        reply text,
        PRIMARY KEY (shard, envelope_id)
    )
    """,
    "CREATE INDEX mailbox_open ON {schema}.mailbox (arrival) WHERE settled_at IS NULL",
    "CREATE INDEX mailbox_settled ON {schema}.mailbox (settled_at) WHERE settled_at IS NOT NULL",
    # Runners, their writers, and which of them owns a shard; see lease.
    """
    CREATE TABLE {schema}.runner (
        runner text COLLATE "C" PRIMARY KEY,
        place text NOT NULL,
        lease_seconds double precision NOT NULL,
        expires_at timestamptz NOT NULL
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE {schema}.runner_writer (
        runner text COLLATE "C" NOT NULL,
        writer integer NOT NULL,
        moves bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (runner, writer)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE {schema}.shard_lease (
        shard integer PRIMARY KEY,
        owner text COLLATE "C",
        epoch bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)
    """,
    "INSERT INTO {schema}.shard_lease (shard) SELECT generate_series(0, {shards} - 1)",
    "INSERT INTO {schema}.journal (shards, hash, schema_version) "
    "VALUES ({shards}, {hash}, {version})",
)

NAMES = frozenset({"journal", "events", "executions", "mailbox", "runner", "shard_lease"})


def create(connection: Connection, schema: str) -> None:
    """Makes the schema a journal, in one transaction; nothing if it is one already."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (MAKING, schema))
        if tables_of(connection, schema):
            return
        parts = {
            "schema": sql.Identifier(schema).as_string(None),
            "shards": DEFAULT_SHARDS,
            "hash": sql.Literal(HASH).as_string(None),
            "version": SCHEMA_VERSION,
        }
        statements = [*TABLES, flush.FUNCTION]
        if not is_there(connection, schema):
            statements.insert(0, "CREATE SCHEMA {schema}")
        for statement in statements:
            connection.execute(statement.format(**parts).encode())


def is_there(connection: Connection, schema: str) -> bool:
    """Asked first, since IF NOT EXISTS wants the right to make schemas even where there is one."""
    found = connection.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
    return found.fetchone() is not None


def tables_of(connection: Connection, schema: str) -> frozenset[str]:
    found = connection.execute(
        "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s", (schema,)
    )
    return frozenset(str(name) for (name,) in found)


def check(connection: Connection, where: str, schema: str) -> None:
    """Raises NotAJournal unless the tables are those of this version."""
    tables = tables_of(connection, schema)
    if "journal" not in tables:
        if tables:
            raise NotAJournal(
                f"{where}: schema {schema!r} holds tables of another program; name another one "
                "with ?schema=..."
            )
        raise NotAJournal(f"{where}: no journal is there; an engine makes it when it opens")
    lost = NAMES - tables
    if lost:
        raise DamagedJournal(
            f"{where}: damaged (no table {', '.join(sorted(lost))}); restore it from a backup"
        )
    journal = sql.Identifier(schema, "journal").as_string(None)
    query = f"SELECT shards, hash, schema_version FROM {journal}"
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        raise DamagedJournal(f"{where}: damaged (its journal table is empty); restore it")
    expected = (DEFAULT_SHARDS, HASH, SCHEMA_VERSION)
    for name, found, known in zip(("shards", "hash", "schema version"), row, expected, strict=True):
        if found != known:
            raise NotAJournal(
                f"{where}: a journal with {name} {found}, this version of Perdure reads {known}; "
                "nothing was changed; use the version that made it"
            )
