"""The commands that measure a server: beside a COPY, its disk, a crowd that waits, many runners."""

import asyncio
from typing import Annotated

import typer

from benchmarks.machine import place_for
from benchmarks.options import AsJson, ServerJournal, Workflows, show
from benchmarks.runners import curve
from benchmarks.server import copies, disk
from benchmarks.waiting import waiting
from benchmarks.workflow import Shape, payment

app = typer.Typer()


@app.command("copy")
def measure_copy(
    *, journal: ServerJournal, workflows: Workflows = 5000, as_json: AsJson = False
) -> None:
    """Events a second beside a COPY of the same rows into the same server, in the same run."""
    with place_for(journal) as place:
        figures = asyncio.run(copies(place, payment(Shape()), workflows))
    show(figures, as_json=as_json)


@app.command("disk")
def measure_disk(
    *, journal: ServerJournal, workflows: Workflows = 5000, as_json: AsJson = False
) -> None:
    """Bytes for each workflow after VACUUM FULL, tables and indices told apart."""
    with place_for(journal) as place:
        figures = asyncio.run(disk(place, payment(Shape()), workflows))
    show(figures, as_json=as_json)


@app.command("waiting")
def measure_waiting(
    *,
    journal: ServerJournal,
    workflows: Workflows = 2000,
    few: Annotated[int, typer.Option(min=1, help="Waiting executions in one journal.")] = 10_000,
    many: Annotated[int, typer.Option(min=1, help="And in the other.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Milliseconds of an append beside few and many executions that wait, in turn."""
    work = payment(Shape())
    figures = asyncio.run(waiting(journal, work, workflows, few=few, many=many, rounds=rounds))
    show(figures, as_json=as_json)


@app.command("runners")
def measure_runners(
    *,
    journal: ServerJournal,
    workflows: Workflows = 5000,
    numbers: Annotated[
        str, typer.Option("--runners", help="How many processes at once, one after another.")
    ] = "1,2,4",
    as_json: AsJson = False,
) -> None:
    """Workflows a second of several runners on one server, each with a journal of its own."""
    show(curve(journal, [int(number) for number in numbers.split(",")], workflows), as_json=as_json)
