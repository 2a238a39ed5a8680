"""`perdure show`: what happened in one execution, event by event."""

import asyncio
import json
from typing import Annotated

import typer
from rich.text import Text

from perdure.infrastructure.command_line.listing import JournalOption, JSONOption, local
from perdure.infrastructure.command_line.reading import record_of
from perdure.infrastructure.command_line.terminal import screen
from perdure.infrastructure.command_line.timeline import timeline
from perdure.sagas.history import history_of


def show(
    execution_id: Annotated[
        str, typer.Argument(metavar="ID", help="The execution, as `perdure list` prints it.")
    ],
    *,
    journal: JournalOption,
    as_json: JSONOption = False,
) -> None:
    """Shows what happened in one execution: activities, attempts, errors, its rollback, its end.

    Times count from its start. With --json: its events, whole, in their order.

    Example: perdure show process_payment@order-0007 --journal sqlite:///payments.db
    """
    record = asyncio.run(record_of(journal, execution_id))
    if as_json:
        for event in history_of(record.stream):
            typer.echo(json.dumps(event.to_json(), ensure_ascii=False))
        return
    console = screen()
    for part in timeline(record):
        console.print(part)
    for envelope in record.waiting:
        told = f"  posted {local(envelope.sent)}: {envelope.kind}, which waits for an engine"
        console.print(Text(told, style="yellow"), soft_wrap=True)
