"""`perdure demo`: what a newcomer should see first, on the terminal or as one line of JSON."""

import asyncio
import importlib.util
import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from perdure.infrastructure.command_line.evening import figures, tell
from perdure.infrastructure.command_line.terminal import screen
from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.demo import day
from perdure.infrastructure.demo.kills import Kill, middle
from perdure.infrastructure.errors import DemoFailed

NEEDED = ("httpx", "starlette", "uvicorn")


def demo(
    *,
    orders: Annotated[
        int, typer.Option(min=1, max=9_999, help="How many orders the day has.")
    ] = 200,
    seed: Annotated[
        int, typer.Option(help="Decides what goes wrong: one seed, the same orders and mishaps.")
    ] = 1,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where to keep the journal, like sqlite:///demo.db or postgresql://host/database; "
            "without: a temporary file.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print nothing but one line of JSON, at the end.")
    ] = False,
) -> None:
    """Takes a day's orders through a shop that misbehaves, and kills the worker on the way.

    A payment saga for each order: charge, tracking code, parcel, mail. The shop is a process of
    its own; it answers late, turns calls away, loses the answers to charges it has made, and runs
    out of articles. Orders are placed by this process, through the journal's mailbox, at a pace of
    their own. The worker, which carries them out, is killed with SIGKILL twice; orders are placed
    on while none runs. In the end the shop's books are audited against the journal; the exit status
    is 1 if anything is off.

    Example: perdure demo --orders 50 --seed 7

    Example: perdure demo --journal "postgresql://shop@localhost/shop?schema=demo"
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DemoFailed(
            f"the demo's shop needs {', '.join(missing)}: in the clone of Perdure, `make demo` or "
            "`pip install '.[demo]'`"
        )
    if journal is not None:
        asyncio.run(day.refuse_a_used_journal(journal))
    folder = Path(tempfile.mkdtemp(prefix="perdure-demo-"))
    url = journal or f"sqlite:///{folder / 'journal.db'}"
    plan = day.Plan(orders=orders, seed=seed, journal=url, folder=folder)
    console = screen(stderr=as_json)
    if not as_json:
        where = without_password(url)
        what = f"A shop with {orders} orders, a worker on {where}, and a SIGKILL now and then.\n"
        console.print(Text(what), soft_wrap=True)
    with Display(console, orders) as display:
        evening = asyncio.run(day.a_day(plan, display))
    if as_json:
        typer.echo(json.dumps(figures(evening)))
        if evening.audit.passed:  # what went wrong may be looked at, in the folder
            shutil.rmtree(folder)
    else:
        tell(console, plan, evening)
    if not evening.audit.passed:
        raise typer.Exit(1)


class Display:
    """The progress bar, and a line above it for what happens to the worker."""

    def __init__(self, console: Console, orders: int) -> None:
        self._bar = Progress(
            TextColumn("orders"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._console = console
        self._task = self._bar.add_task("orders", total=orders, counts="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def progressed(self, progress: day.Progress) -> None:
        """Moves the bar."""
        self._bar.update(
            self._task,
            completed=progress.ended,
            counts=f"{progress.fulfilled} fulfilled, {progress.undone} undone or declined, "
            f"{progress.open} open",
        )

    def killed(self, kill: Kill) -> None:
        """Says what the kill hit."""
        self._console.print(
            f"Killed worker {kill.pid} (SIGKILL): {len(kill.unfinished)} executions unfinished, "
            f"{kill.in_flight} of them with an activity in flight."
        )

    def recovered(self, kill: Kill) -> None:
        """Says how fast they went on."""
        times = kill.went_on
        self._console.print(
            f"  All {len(times)} went on after {min(times.values()):.2f} s (first), "
            f"{middle(times):.2f} s (median), {max(times.values()):.2f} s (last); "
            f"the new engine was open after {kill.opened_seconds:.2f} s. "
            f"{kill.placed} orders were placed while no worker ran."
        )
