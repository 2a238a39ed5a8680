"""`perdure plan`: what a rollback would undo, in which order, with which recorded values.

It only reads. Where the code is needed its module is imported, and its body replayed.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from perdure import PlannedUndo, Workflow
from perdure.domain import rollback
from perdure.domain.execution import Execution, fold
from perdure.domain.records import ActivityRecord, Rollback
from perdure.domain.states import word_of
from perdure.infrastructure.command_line.listing import STYLES, JournalOption, JSONOption
from perdure.infrastructure.command_line.reading import Record, record_of
from perdure.infrastructure.command_line.sentences import short
from perdure.infrastructure.command_line.terminal import printable, screen
from perdure.infrastructure.command_line.user_code import workflow_of
from perdure.sagas.leaks import Leaks
from perdure.sagas.recovery import activities_of
from perdure.sagas.resolving import ANYBODY, known, planned

VALUE_LENGTH = 400

ModuleOption = Annotated[
    str | None,
    typer.Option(
        "--module",
        metavar="NAME",
        help="The module that declares the workflow, like shop.sagas. It is imported, which does "
        "what it does when it is imported; then its compensations are known.",
    ),
]


@dataclass(frozen=True, slots=True)
class Step:
    """One activity that is, was or may be to undo.

    `stands`: "to do", "next", "stuck", "undone", "skipped", or "open" for one whose outcome is
    still to come. `compensation` is None where only the code knows.
    """

    activity: str
    ordinal: int
    compensation: str | None
    outcome: str
    arguments: Any
    result: Any
    stands: str


def plan(
    execution_id: Annotated[
        str, typer.Argument(metavar="ID", help="The execution, as `perdure list` prints it.")
    ],
    *,
    journal: JournalOption,
    module: ModuleOption = None,
    as_json: JSONOption = False,
) -> None:
    """Tells what a rollback would undo now, in its order, with the recorded values. Does nothing.

    For looking before a `perdure cancel`. What has a compensation stands in the code, so name its
    module; without, you see what was done, the latest first. Of a rollback that is under way or
    over the recorded plan is shown, with how far it is.

    Example: perdure plan process_payment@order-0007 --module shop.sagas
    --journal sqlite:///payments.db
    """
    record = asyncio.run(record_of(journal, execution_id))
    execution = fold(record.execution_id, record.stream)
    undecided = execution.rollback is None and execution.end is None
    workflow = None
    if module is not None and undecided:
        workflow = workflow_of(module, execution_id.partition("@")[0])
    steps = asyncio.run(steps_of(record, execution, workflow))
    if as_json:
        for step in steps:
            typer.echo(json.dumps(asdict(step), ensure_ascii=False))
        return
    console = screen()
    word = word_of(record.state)
    head = Text(printable(record.execution_id), style="bold")
    console.print(head.append(f"  {word}", style=STYLES.get(word, "cyan")))
    for line in introduced(execution, steps, coded=workflow is not None):
        console.print(Text(line), soft_wrap=True)
    if steps:
        console.print(table_of(steps))


async def steps_of(
    record: Record, execution: Execution, workflow: Workflow[Any, Any] | None
) -> list[Step]:
    """What is planned: by the code, by what is recorded of a rollback, or by what was done."""
    going_back = execution.rollback
    if going_back is not None or execution.end is not None:
        undos = planned(execution, known(execution.id, {}))
        return [decided(undo, going_back) for undo in undos]
    if execution.pivot is not None:
        return []
    unsettled = sorted(execution.open.values(), key=lambda each: -each.started_version)
    if workflow is None:
        undone = rollback.plan(execution, ANYBODY, lambda _: "")
        steps = [recorded(each, "not settled", "open") for each in unsettled]
        done = [recorded(execution.activities[undo.undoes], undo.outcome) for undo in undone]
        return steps + done
    loop = asyncio.get_running_loop()
    found = await activities_of(workflow, execution, record.stream, loop, Leaks())
    activity_of = known(execution.id, found)
    steps = [
        recorded(each, "not settled", "open", compensation.name)
        for each in unsettled
        if (compensation := activity_of(each.name).compensation) is not None
    ]
    return steps + [decided(undo, None) for undo in planned(execution, activity_of)]


def decided(undo: PlannedUndo, going_back: Rollback | None) -> Step:
    """A step with its compensation, and how far it is."""
    stands = "undone" if undo.done else "to do"
    if going_back is not None:
        following, current = going_back.next(), going_back.current
        if any(each.undoes == undo.ordinal for each in going_back.skipped):
            stands = "skipped"
        elif following is not None and following.undoes == undo.ordinal:
            stands = "stuck" if current is not None and current.failed is not None else "next"
    return Step(
        undo.activity,
        undo.ordinal,
        undo.compensation,
        undo.outcome,
        undo.arguments,
        undo.result,
        stands,
    )


def recorded(
    record: ActivityRecord, outcome: str, stands: str = "to do", compensation: str | None = None
) -> Step:
    """A step as far as it is known without a plan."""
    result = None if record.result is None else json.loads(record.result)
    arguments = json.loads(record.arguments)
    return Step(record.name, record.ordinal, compensation, outcome, arguments, result, stands)


def introduced(execution: Execution, steps: list[Step], *, coded: bool) -> Iterator[str]:
    """What the table means, or why there is none."""
    if execution.rollback is not None:
        how = "This rollback is over" if execution.end is not None else "It is being rolled back"
        yield f"{how}; its plan, as recorded{':' if steps else ' is empty.'}"
    elif execution.end is not None:
        yield "It has ended, and nothing of it is undone any more."
    elif execution.pivot is not None:
        yield f"It is past its point of no return, {execution.pivot}: nothing is rolled back."
    elif not steps:
        yield (
            "Nothing of what it has done has a compensation."
            if coded and execution.activities
            else "It has done nothing that could be undone."
        )
    elif coded:
        yield "A rollback would undo now, in this order; nothing has been done:"
    else:
        yield (
            "What it has done, the latest first. A rollback undoes, in this order, what has a "
            "compensation; only the code knows what has one: --module NAME."
        )
    if any(step.stands == "open" for step in steps):
        yield (
            "What is open is settled before anything is undone; if it has happened, or nobody can "
            "tell, it is undone too."
        )


def table_of(steps: list[Step]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right", no_wrap=True)
    for name in ("undo", "activity", "outcome", "arguments", "result", "stands"):
        table.add_column(name, overflow="fold")
    for number, step in enumerate(steps, 1):
        table.add_row(
            str(number),
            step.compensation or "?",
            step.activity,
            step.outcome,
            Text(value(step.arguments)),
            Text("" if step.outcome != "succeeded" else value(step.result)),
            Text(step.stands, style=STYLES.get(step.stands, "")),
        )
    return table


def value(data: Any) -> str:
    """A recorded value for a cell; --json has it whole."""
    if isinstance(data, dict):
        return "\n".join(f"{name}={value(each)}" for name, each in data.items())
    return short(json.dumps(data, ensure_ascii=False), VALUE_LENGTH)
