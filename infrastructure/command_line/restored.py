"""What may run again after a restore: attempts that a backup has begun and not ended.

What was done after the backup is in no journal. Each unfinished execution goes on from where the
backup has it; steps that it took after that are taken again, with the same idempotency keys.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.domain.errors import Undecodable
from perdure.domain.execution import Execution, fold
from perdure.domain.identity import idempotency_key
from perdure.domain.journal import OPEN_STATES, PARKED_STATES, IndexRow, Scan
from perdure.domain.records import Phase
from perdure.infrastructure.command_line.reading import visited
from perdure.infrastructure.command_line.terminal import printable

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class BegunAttempt:
    """Of an activity or a compensation; the key is what its service knows it by."""

    activity: str
    attempt: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An execution that goes on; `trouble` says why nothing is known of its attempts."""

    row: IndexRow
    attempts: tuple[BegunAttempt, ...] = ()
    trouble: str = ""


def unfinished_of(url: str) -> list[Unfinished]:
    """All of them, the oldest first."""
    return asyncio.run(_read(url))


async def _read(url: str) -> list[Unfinished]:
    found: list[Unfinished] = []
    scan = Scan(states=OPEN_STATES + PARKED_STATES, everything=True)
    async with visited(url) as journal:
        while page := await journal.scan(scan):
            streams = await journal.read([row.execution_id for row in page])
            for row in page:
                stream = streams.get(row.execution_id, [])
                if isinstance(stream, Undecodable):
                    found.append(Unfinished(row, trouble=str(stream)))
                else:
                    attempts = tuple(begun(fold(row.execution_id, stream)))
                    found.append(Unfinished(row, attempts))
            scan = replace(scan, after=(page[-1].started, page[-1].execution_id))
    return found[::-1]


def begun(execution: Execution) -> Iterator[BegunAttempt]:
    """Attempts that have begun and not ended, as far as is recorded."""
    for record in execution.open.values():
        if record.phase is Phase.IN_FLIGHT:
            key = idempotency_key(execution.id, "activity", record.ordinal, record.name)
            yield BegunAttempt(record.name, record.attempt, key)
    current = execution.rollback.current if execution.rollback is not None else None
    if current is not None and current.phase is Phase.IN_FLIGHT:
        undo = current.undo
        key = idempotency_key(execution.id, "compensation", undo.undoes, undo.compensation)
        yield BegunAttempt(undo.compensation, current.attempt, key)


def print_json(told: str, found: list[Unfinished]) -> None:
    typer.echo(json.dumps({"done": told}, ensure_ascii=False))
    for each in found:
        line = {
            "id": each.row.execution_id,
            "state": each.row.state,
            "attempts": [
                {
                    "activity": attempt.activity,
                    "attempt": attempt.attempt,
                    "idempotency_key": attempt.idempotency_key,
                }
                for attempt in each.attempts
            ],
            "trouble": each.trouble,
        }
        typer.echo(json.dumps(line, ensure_ascii=False))


def print_list(console: Console, told: str, found: list[Unfinished]) -> None:
    console.print(Text(printable(f"{told[:1].upper()}{told[1:]}.")), soft_wrap=True)
    if not found:
        console.print("No execution is unfinished in it.")
        return
    attempts = [(each, attempt) for each in found for attempt in each.attempts]
    if attempts:
        console.print("Begun in the backup and not ended there; these may run again:")
        console.print(_attempts(attempts[:MOST_SHOWN]))
        _tell_more(console, len(attempts))
    for each in found:
        if each.trouble:
            console.print(Text(printable(each.trouble), style="red"), soft_wrap=True)
    console.print(
        "What was done after the backup is not known. Of these the next steps may have been done "
        "already, and will be asked for again, with the same idempotency keys:",
        soft_wrap=True,
    )
    for each in found[:MOST_SHOWN]:
        console.print(Text(printable(f"  {each.row.execution_id}  {each.row.state}")))
    _tell_more(console, len(found))
    console.print(
        "Executions that were started after the backup are gone; whoever started them can do it "
        "again, by the same key.",
        soft_wrap=True,
    )


def _attempts(attempts: list[tuple[Unfinished, BegunAttempt]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "activity", "attempt", "idempotency key"):
        table.add_column(name, overflow="fold")
    for each, attempt in attempts:
        number, key = str(attempt.attempt), attempt.idempotency_key
        cells = (each.row.execution_id, attempt.activity, number, key)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _tell_more(console: Console, count: int) -> None:
    if count > MOST_SHOWN:
        console.print(f"… and {count - MOST_SHOWN:,} more; --json tells all of them.")
