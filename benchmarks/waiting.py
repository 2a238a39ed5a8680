"""Appends beside a crowd that waits: does a journal full of sleepers slow down those who run?

The crowd is one real execution, whose start lies a year ahead, copied under other ids into the
tables. Journals with few and with many are measured in turn.
"""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from psycopg import sql

from benchmarks.figures import Figures, line, percentile_ms
from benchmarks.machine import Place, place_for
from benchmarks.schemas import Connection, Schema
from benchmarks.worker import Worker, engine_settings, open_worker, patient_collector
from benchmarks.workflow import Payment, ProcessPayment
from perdure import WorkflowEngine
from perdure.domain.identity import shard_of
from perdure.domain.journal import Submission
from perdure.infrastructure.clock import SystemClock, SystemRandomness
from perdure.infrastructure.journals import open_journal

AHEAD = timedelta(days=365)
IN_FLIGHT = 50
EVENTS = sql.SQL("shard, execution_id, version, topic, body, position, epoch, format, key_id")
EXECUTIONS = sql.SQL(
    "shard, execution_id, workflow, key, state, due, started, changed, reason, tags"
)


class Timed:
    """A journal that remembers how long each append took, in seconds."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.seconds: list[float] = []

    async def append(self, submissions: Sequence[Submission]) -> Sequence[bool]:
        start = time.perf_counter()
        stored: Sequence[bool] = await self._journal.append(submissions)
        self.seconds.append(time.perf_counter() - start)
        return stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


async def waiting(
    journal: str, payment: Payment, count: int, *, few: int, many: int, rounds: int
) -> Figures:
    """`ratio` is that of the medians of p99, many to few, each of so many rounds."""
    slow: dict[int, list[float]] = {few: [], many: []}
    usual: dict[int, list[float]] = {few: [], many: []}
    with ExitStack() as stack, patient_collector():
        places = {crowd: stack.enter_context(place_for(journal)) for crowd in (few, many)}
        for crowd, place in places.items():
            await gather_crowd(place, payment, crowd)
        for number in range(rounds):
            for crowd, place in places.items():
                seconds = await appends(place, payment, count, f"round-{number}")
                slow[crowd].append(percentile_ms(seconds, 99))
                usual[crowd].append(percentile_ms(seconds, 50))
    figures: Figures = {"rounds": rounds}
    for name, crowd in (("few", few), ("many", many)):
        figures |= {
            f"waiting_{name}": crowd,
            f"p50_ms_{name}": round(median(usual[crowd]), 3),
            f"p99_ms_{name}": round(median(slow[crowd]), 3),
        }
    figures["ratio"] = round(figures["p99_ms_many"] / figures["p99_ms_few"], 3)
    return line("waiting", count, figures)


async def appends(place: Place, payment: Payment, count: int, tag: str) -> list[float]:
    """The seconds of each append of so many payments."""
    journal = await open_journal(place.url)
    timed = Timed(journal)
    engine = WorkflowEngine(
        timed,
        [payment],
        settings=engine_settings(IN_FLIGHT),
        clock=getattr(journal, "clock", None) or SystemClock(),
        randomness=SystemRandomness(),
    )
    async with engine:
        worker = Worker(engine, payment)
        await worker.run_all(IN_FLIGHT, tag=f"{tag}-warm")
        timed.seconds.clear()
        await worker.run_all(count, tag=tag)
    return timed.seconds


async def gather_crowd(place: Place, payment: Payment, crowd: int) -> None:
    """So many that wait for their start, in the journal at this place."""
    async with open_worker(place.url, payment, IN_FLIGHT) as worker:
        start_at = datetime.now(UTC) + AHEAD
        request = ProcessPayment(order_id="first")
        first = await worker.engine.start(payment, request, start_at=start_at)
    schema = Schema(place.url)
    with schema.connect() as connection:
        ids = [f"{payment.name}@sleeper-{number}" for number in range(crowd - 1)]
        copy_events(connection, schema, first.id, ids)
        copy_rows(connection, schema, first.id, ids)
        connection.execute(sql.SQL("ANALYZE {}.events").format(schema.name))
        connection.execute(sql.SQL("ANALYZE {}.executions").format(schema.name))


def copy_events(connection: Connection, schema: Schema, first: str, ids: list[str]) -> None:
    [row] = connection.execute(
        sql.SQL("SELECT {} FROM {}.events WHERE execution_id = %s").format(EVENTS, schema.name),
        (first,),
    ).fetchall()
    _, _, version, topic, body, _, epoch, written, key_id = row
    heads: Counter[int] = Counter({shard_of(first): 1})
    statement = sql.SQL("COPY {}.events ({}) FROM STDIN").format(schema.name, EVENTS)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for each in ids:
            shard = shard_of(each)
            heads[shard] += 1
            copy.write_row(
                (shard, each, version, topic, body, heads[shard], epoch, written, key_id)
            )


def copy_rows(connection: Connection, schema: Schema, first: str, ids: list[str]) -> None:
    [row] = connection.execute(
        sql.SQL("SELECT {} FROM {}.executions WHERE execution_id = %s").format(
            EXECUTIONS, schema.name
        ),
        (first,),
    ).fetchall()
    _, _, workflow, _, state, due, started, changed, reason, _ = row
    statement = sql.SQL("COPY {}.executions ({}) FROM STDIN").format(schema.name, EXECUTIONS)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for each in ids:
            key = each.partition("@")[2]
            copy.write_row(
                (shard_of(each), each, workflow, key, state, due, started, changed, reason, "{}")
            )
