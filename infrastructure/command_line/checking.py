"""`perdure check`: would what runs in a journal go on with the code about to be deployed?

It only reads, an engine may run meanwhile. Replaying is perdure.infrastructure.gate's matter; here
is what it is asked, and how its report is shown.
"""

import asyncio
import os
from typing import Annotated

import typer

from perdure.infrastructure.command_line.listing import JournalOption, JSONOption
from perdure.infrastructure.command_line.reading import visited
from perdure.infrastructure.command_line.results import progress
from perdure.infrastructure.command_line.terminal import screen
from perdure.infrastructure.command_line.verdicts import print_json, print_report
from perdure.infrastructure.gate.answers import Task
from perdure.infrastructure.gate.checking import Wanted, check, unfinished
from perdure.infrastructure.gate.report import Report
from perdure.infrastructure.journals import split

ModulesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--module",
        metavar="NAME",
        help="A module that declares workflows and activities, as it is about to be deployed, "
        "like shop.sagas. It is imported, which does what it does when imported. May be repeated.",
    ),
]


def check_journal(
    *,
    journal: JournalOption,
    module: ModulesOption = None,
    workflow: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only executions of this workflow.")
    ] = None,
    finished: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Also so many of each workflow that have ended, the newest."
        ),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that replay: 2 at least, for each execution is replayed by two of "
            "them with different hash seeds. As many as there are cores if left out.",
        ),
    ] = None,
    seconds_each: Annotated[
        float,
        typer.Option(min=0.1, help="How long the replay of one execution may take, in seconds."),
    ] = 10.0,
    as_json: JSONOption = False,
) -> None:
    """Replays what is unfinished in a journal against your code: what would diverge, where, why.

    Nothing is written and no activity runs. Run it with the new code before you deploy it; what
    diverges would be blocked, and is told with the version() guard that keeps it going.

    Exit status: 0 all of it goes on, 1 something does not or cannot be read, 2 wrong usage.

    Example: perdure check --journal sqlite:///payments.db --module shop.sagas
    """
    if split(journal).scheme == "memory":
        raise typer.BadParameter(
            "a journal in memory is its process's own; name a file or a database",
            param_hint="--journal",
        )
    report = asyncio.run(
        _checked(
            journal,
            Task(url=journal, modules=module or [], seconds_each=seconds_each),
            Wanted(workflow=workflow, finished=finished),
            jobs or os.cpu_count() or 1,
        )
    )
    if as_json:
        print_json(report)
    else:
        print_report(screen(), report)
    if report.safe < report.total:
        raise typer.Exit(1)


async def _checked(url: str, task: Task, wanted: Wanted, jobs: int) -> Report:
    async with visited(url) as journal:
        many = await unfinished(journal, wanted.workflow)
        if not task.modules:
            if many or wanted.finished:
                raise typer.BadParameter(
                    f"{many:,} unfinished executions are there: name the module of the code that "
                    "is to go on with them, like --module shop.sagas",
                    param_hint="--module",
                )
            return Report()
        with progress(screen(stderr=True), "executions") as bar:
            done = bar.add_task("replayed", total=None if wanted.finished else many)
            return await check(
                journal, task, wanted, jobs=jobs, told=lambda more: bar.advance(done, more)
            )
