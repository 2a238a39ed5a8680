"""`perdure list`: which executions a journal holds, and how they are."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from perdure.domain.errors import BadIdentity
from perdure.domain.identity import check_tags
from perdure.domain.journal import STATES, IndexRow, Scan
from perdure.domain.states import FOR_ROOM, WORDS, instant, word_of
from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.command_line.reading import rows_of
from perdure.infrastructure.command_line.terminal import printable, screen

STYLES = {
    "succeeded": "green",
    "compensated": "yellow",
    "failed": "yellow",
    "cancelled": "yellow",
    "suspended": "red",
    "blocked": "red",
    "stuck": "red",
}
REASON_LENGTH = 100
ID_LENGTH = 60  # a longer one is broken
NARROW_COLUMNS = 100  # where "changed" is left out, so that ids stay whole

JournalOption = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="URL",
        help="The journal, like sqlite:///payments.db or postgresql://host/database. It is only "
        "read; an engine may run on it.",
    ),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def known_state(state: str | None) -> str | None:
    """Refuses a state that no execution can be in."""
    if state is not None and state not in STATES:
        hint = "; what waits is found with --state running" if state in WORDS.values() else ""
        raise typer.BadParameter(f"{state!r} is none of {', '.join(STATES)}{hint}")
    return state


def list_executions(
    *,
    journal: JournalOption,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE",
            callback=known_state,
            help=f"Only this state: {', '.join(STATES)}. What waits for a time is running here.",
        ),
    ] = None,
    workflow: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only executions of this workflow.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Only what bears this tag. May be repeated: those that bear all.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest ones.")] = 50,
    as_json: JSONOption = False,
) -> None:
    """Lists the executions in a journal, newest first: id, state, times, and why one is parked.

    Example: perdure list --journal sqlite:///payments.db --state stuck
    """
    states = STATES if state is None else (state,)
    tags = tags_of(tag or ())
    scan = Scan(states=states, workflow=workflow, tags=tags, everything=True, limit=limit + 1)
    rows = asyncio.run(rows_of(journal, scan))
    more, rows = len(rows) > limit, rows[:limit]
    if as_json:
        for row in shown(rows, lambda time: instant(time).isoformat()):
            typer.echo(json.dumps(row_json(row), ensure_ascii=False))
        return
    console = screen()
    if not rows:
        console.print("No execution fits." if state or workflow or tag else "The journal is empty.")
        return
    console.print(table_of(rows, console.width))
    if more:
        console.print(f"The newest {limit}; there are more: raise --limit.")


def tags_of(texts: Sequence[str]) -> dict[str, str]:
    """Tags as they are typed. Refuses what can be none."""
    tags: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or tags.setdefault(name.strip(), value.strip()) != value.strip():
            raise typer.BadParameter(f"--tag {text!r}: say NAME=VALUE, each name once")
    try:
        return check_tags(tags)
    except BadIdentity as error:
        raise typer.BadParameter(str(error)) from error


def shown(rows: Sequence[IndexRow], written: Callable[[int], str]) -> list[IndexRow]:
    """As they are to be read: a start that has not begun waits, which is running in the index."""
    now, found = SystemClock().now(), []
    for row in rows:
        if row.begun:
            found.append(row)
            continue
        later = row.started > now
        reason = f"begins at {written(row.started)}" if later else f"for {FOR_ROOM.waits_for}"
        found.append(replace(row, state=word_of(FOR_ROOM), reason=reason))
    return found


def row_json(row: IndexRow) -> dict[str, Any]:
    """One row for programs, with times as ISO 8601 text in UTC."""
    return {
        "id": row.execution_id,
        "workflow": row.workflow,
        "state": row.state,
        "started": instant(row.started).isoformat(),
        "changed": instant(row.changed).isoformat(),
        "reason": row.reason,
        "tags": dict(row.tags or {}),
    }


def table_of(rows: Sequence[IndexRow], columns: int) -> Table:
    """The rows for people, with times as on their own clock."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    longest = max(len(row.execution_id) for row in rows)
    table.add_column("id", overflow="fold", min_width=min(longest, ID_LENGTH))
    narrow = columns < NARROW_COLUMNS
    for name in ("state", "started") if narrow else ("state", "started", "changed"):
        table.add_column(name, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for row in shown(rows, local):
        reason = " ".join(printable(row.reason).split())
        if len(reason) > REASON_LENGTH:
            reason = reason[: REASON_LENGTH - 1] + "…"
        table.add_row(
            Text(printable(row.execution_id)),
            Text(row.state, style=STYLES.get(row.state, "")),
            local(row.started),
            *([] if narrow else [local(row.changed)]),
            Text(reason),
        )
    return table


def local(time: int) -> str:
    """Microseconds since 1970 as date and time of day, where the reader is."""
    return instant(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
