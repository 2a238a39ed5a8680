"""`perdure history`: everything that is recorded of one execution, payloads and tracebacks whole.

`perdure show` tells the same for reading, cut to lines.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from perdure.domain.events import Event
from perdure.infrastructure.command_line.listing import JournalOption
from perdure.infrastructure.command_line.reading import record_of
from perdure.infrastructure.command_line.terminal import printable, screen
from perdure.sagas.history import history_of

LINE_LENGTH = 100  # a payload that is longer goes over several lines
PAYLOADS = ("arguments", "result")  # JSON whatever they are; other text is told as it is
HEAD = ("version", "time", "kind")


def history(
    execution_id: Annotated[
        str, typer.Argument(metavar="ID", help="The execution, as `perdure list` prints it.")
    ],
    *,
    journal: JournalOption,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one event a line, whole.")
    ] = False,
) -> None:
    """Prints every event of one execution, with all that is recorded in it: payloads, tracebacks.

    `perdure show` is shorter. Nothing is cut here, so look before you pass it on: payloads are what
    the workflow was given.

    Example: perdure history process_payment@order-0007 --journal sqlite:///payments.db
    """
    record = asyncio.run(record_of(journal, execution_id))
    console = screen()
    for event in recorded(record.stream):
        if as_json:
            typer.echo(json.dumps(event, ensure_ascii=False))
        else:
            tell(console, event)


def recorded(stream: Sequence[Event]) -> list[dict[str, Any]]:
    """Each event as `handle.history()` has it, and with the fields that this leaves out."""
    whole = []
    for event, view in zip(stream, history_of(list(stream)), strict=True):
        seen = view.to_json()
        fields: dict[str, Any] = json.loads(msgspec.json.encode(event))
        rest = {
            name: value
            for name, value in fields.items()
            if name not in seen and name not in ("time", "request")
        }
        error = fields.get("error")
        if error is not None and error["traceback"]:
            rest["traceback"] = error["traceback"]
        whole.append(seen | rest)
    return whole


def tell(console: Console, event: dict[str, Any]) -> None:
    """An event for people: a line that names it, and one for each of its fields, or more."""
    head = Text(f"{event['version']:>4}  {event['time']}  ", style="dim")
    console.print(head.append(event["kind"], style="bold not dim"), soft_wrap=True)
    for name, value in event.items():
        if name not in HEAD:
            lines = Text(printable(indented(name, value)))
            lines.highlight_regex(rf"^ +{name}:", "cyan")
            console.print(lines, soft_wrap=True)


def indented(name: str, value: Any) -> str:
    """A field: text as it is, other values as JSON, on one line where it fits."""
    if isinstance(value, str) and name not in PAYLOADS:
        text = value.rstrip("\n")
    else:
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > LINE_LENGTH:
            text = json.dumps(value, ensure_ascii=False, indent=2)
    first, *others = text.split("\n")
    return "\n".join([f"        {name}: {first}", *(f"          {line}" for line in others)])
