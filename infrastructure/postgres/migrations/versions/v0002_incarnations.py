"""Version 2: a journal has incarnations, so that a restored one is no longer its old runners'.

0 is the first one. `restoring` begins the next, whose number is a time, and which gives epochs from
there on: none that a lost time can have given. Runners tell how long their lease is, since clocks
may be set, and which process they are, since one that is gone is waited for by nobody. A journal
remembers that it is encrypted, and a flush has one key.
"""

from perdure.infrastructure.postgres.flush import FUNCTION
from perdure.infrastructure.postgres.migrations import execute

revision = "0002"
down_revision = "0001"


def upgrade(schema: str) -> None:
    execute(
        "ALTER TABLE {schema}.journal ADD COLUMN incarnation bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN encrypted boolean NOT NULL DEFAULT false",
        schema=schema,
    )
    execute(
        "ALTER TABLE {schema}.runner ADD COLUMN lease_seconds double precision NOT NULL DEFAULT 15,"
        " ADD COLUMN process text",
        schema=schema,
    )
    execute("DROP FUNCTION {schema}.append", schema=schema)
    execute(FUNCTION, schema=schema)
