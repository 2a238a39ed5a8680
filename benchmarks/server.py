"""What the server below a journal takes: the same rows by COPY alone, and bytes on its disk."""

import time
from statistics import median

from psycopg import sql

from benchmarks.figures import Figures, line
from benchmarks.machine import Place
from benchmarks.schemas import Connection, Schema
from benchmarks.worker import open_worker, patient_collector
from benchmarks.workflow import Payment

COPIES = 3
PORTION = 1000  # rows of one transaction, about what a flush of many executions has
COLUMNS = sql.SQL("shard, execution_id, version, topic, body, position, epoch, format, key_id")
TABLES = ("events", "executions", "mailbox")


async def copies(place: Place, payment: Payment, count: int) -> Figures:
    """Our events a second, then those of a COPY of our rows into a table like ours."""
    seconds = await run_all(place, payment, count)
    schema = Schema(place.url)
    with schema.connect() as connection:
        portions = rows_of(connection, schema)
        events = count_of(connection, schema)
        ours = events / seconds
        copied = [events / copy(connection, schema, portions) for _ in range(COPIES)]
    return line(
        "copy",
        count,
        {
            "wf_s": round(count / seconds, 1),
            "events": events,
            "events_s": round(ours),
            "copy_events_s": round(median(copied)),
            "copy_rows_per_commit": PORTION,
            "ratio": round(ours / median(copied), 3),
        },
    )


async def disk(place: Place, payment: Payment, count: int) -> Figures:
    """Bytes of one workflow that has ended, once the tables are as small as they can be."""
    await run_all(place, payment, count)
    schema = Schema(place.url)
    figures: Figures = {}
    with schema.connect() as connection:
        for table in TABLES:
            name = sql.SQL("{}.{}").format(schema.name, sql.Identifier(table))
            connection.execute(sql.SQL("VACUUM FULL ANALYZE {}").format(name))
            found = connection.execute(
                "SELECT pg_table_size(%(name)s), pg_indexes_size(%(name)s)",
                {"name": name.as_string(connection)},
            ).fetchone()
            assert found is not None
            figures[f"{table}_heap"], figures[f"{table}_index"] = found
    each = {name: round(size / count) for name, size in figures.items()}
    heap = sum(size for name, size in each.items() if name.endswith("_heap"))
    index = sum(size for name, size in each.items() if name.endswith("_index"))
    told = {"bytes_per_wf": heap + index, "heap_bytes_per_wf": heap, "index_bytes_per_wf": index}
    return line("disk", count, told | {f"{name}_bytes_per_wf": size for name, size in each.items()})


async def run_all(place: Place, payment: Payment, count: int) -> float:
    """Runs them all at once in an engine that is closed then; seconds."""
    with patient_collector():
        async with open_worker(place.url, payment, count) as worker:
            return await worker.run_all(count)


def count_of(connection: Connection, schema: Schema) -> int:
    found = connection.execute(sql.SQL("SELECT count(*) FROM {}.events").format(schema.name))
    [(events,)] = found.fetchall()
    return int(events)


def rows_of(connection: Connection, schema: Schema) -> list[list[bytes]]:
    """Our rows in the order of their coming, portion by portion, as COPY writes them."""
    statement = sql.SQL(
        "COPY (SELECT {} FROM {}.events ORDER BY notification_id) TO STDOUT"
    ).format(COLUMNS, schema.name)
    with connection.cursor() as cursor, cursor.copy(statement) as reading:
        rows = [bytes(row) for row in reading]
    return [rows[first : first + PORTION] for first in range(0, len(rows), PORTION)]


def copy(connection: Connection, schema: Schema, portions: list[list[bytes]]) -> float:
    """Into an empty table with the same keys and indices; a commit for each portion. Seconds."""
    parts = {"schema": schema.name, "columns": COLUMNS}
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {schema}.copied").format(**parts))
    connection.execute(
        sql.SQL("CREATE TABLE {schema}.copied (LIKE {schema}.events INCLUDING ALL)").format(**parts)
    )
    statement = sql.SQL("COPY {schema}.copied ({columns}) FROM STDIN").format(**parts)
    joined = [b"".join(rows) for rows in portions]
    start = time.perf_counter()
    with connection.cursor() as cursor:
        for rows in joined:
            with cursor.copy(statement) as writing:
                writing.write(rows)
    seconds = time.perf_counter() - start
    connection.execute(sql.SQL("DROP TABLE {schema}.copied").format(**parts))
    return seconds
