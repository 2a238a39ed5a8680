"""Version 1: the first tables, and the function that stores a flush.

`shard` is the first column of every key, so that tables can be placed by it. Within a shard events
have a `position` without gaps, given by the shard's owner; `notification_id` is for the readers of
`eventsourcing` alone.
"""

from psycopg import sql

from perdure.domain.identity import DEFAULT_SHARDS
from perdure.infrastructure.postgres.flush import FUNCTION
from perdure.infrastructure.postgres.migrations import execute

revision = "0001"
down_revision = None

HASH = "blake2b-64"
OPEN_ONLY = "state NOT IN ('succeeded', 'failed', 'compensated', 'cancelled')"

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
    "INSERT INTO {schema}.journal (shards, hash, schema_version) VALUES ({shards}, {hash}, 1)",
)


def upgrade(schema: str) -> None:
    hash_name = sql.Literal(HASH).as_string(None)
    # The function as it is today: a version that changes it replaces it, whatever was there before.
    for statement in (*TABLES, FUNCTION):
        execute(statement, schema=schema, shards=DEFAULT_SHARDS, hash=hash_name)
