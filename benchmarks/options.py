"""What the commands of the benchmarks share: their options, and how figures are shown."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures
from benchmarks.schemas import KINDS


def on_a_server(journal: str) -> str:
    if not journal.startswith(KINDS):
        raise typer.BadParameter("this is measured on PostgreSQL: give postgresql://host/database")
    return journal


Journal = Annotated[
    str,
    typer.Option(
        help="memory, sqlite (a temporary file in TMPDIR), or an address; at postgresql://... a "
        "schema is made for the run and dropped."
    ),
]
ServerJournal = Annotated[
    str, typer.Option("--journal", callback=on_a_server, help="postgresql://host/database")
]
Workflows = Annotated[int, typer.Option(min=1, help="How many workflows are measured.")]
InThreads = Annotated[bool, typer.Option("--sync", help="Sync activities, run in threads.")]
InFlight = Annotated[
    int, typer.Option(min=0, help="max_in_flight of the engine; 0: as many as are started.")
]
Duplicates = Annotated[
    int, typer.Option(min=0, max=100, help="Percent that are asked for a second time.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the line of JSON alone.")]


def show(figures: Figures, *, as_json: bool) -> None:
    if not as_json:
        table = Table("figure", "value", title=f"{figures['work']}, {figures['n']} workflows")
        for name, value in figures.items():
            if value is not None:
                table.add_row(name, str(value))
        Console(stderr=True).print(table)
    print(json.dumps(figures), flush=True)
