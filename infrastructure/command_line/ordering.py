"""What `resume`, `cancel` and `resolve` share: from what was typed to orders and outcomes.

It asks before many are touched, and decides the exit status.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from perdure.infrastructure.command_line import results, targets
from perdure.infrastructure.command_line.placing import Give, Outcome, Placed, foreseen, place
from perdure.infrastructure.command_line.results import Words
from perdure.infrastructure.command_line.targets import Scope, Target
from perdure.infrastructure.command_line.terminal import screen
from perdure.infrastructure.command_line.where import parsed

INTERRUPTED = 130
WAIT_SECONDS = 2.0  # an engine at its limit takes an order within 0.3 s

OrdersJournalOption = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="URL",
        help="The journal, like sqlite:///payments.db or postgresql://host/database. Orders are "
        "left in its mailbox for the engine that has it open, now or later.",
    ),
]
WaitOption = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0,
        help="How long to wait for an engine to carry an order out, "
        f"{WAIT_SECONDS:g} if not given; 0: only post it. Given, exit status 3 says that an order "
        "still waits.",
    ),
]
OrdersJSONOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, one object a line: id, order, outcome, state, why."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed, as all three commands have it."""

    journal: str
    ids: Sequence[str]
    where: Sequence[str]
    dry_run: bool
    yes: bool
    wait: float | None
    as_json: bool


def carry_out(asked: Asked, words: Words, scope: Scope, give: Give) -> None:
    """Does it, tells what became of it, and ends with its exit status."""
    targets.check_usage(asked.ids, asked.where, scope.order)
    meant = found(asked, scope)
    known = [foreseen(target, scope) for target in meant]
    to_place = [each.target for each in known if each.outcome is Outcome.PLANNED]
    notes = screen(stderr=True)
    if asked.dry_run:
        placed = known
    else:
        if len(to_place) > 1 and not asked.yes and not targets.ask(notes, to_place, words.question):
            typer.echo("Nothing was done. To answer beforehand: --yes.", err=True)
            raise typer.Exit(1)
        placed = merged(known, placed_now(asked, notes, to_place, give))
    if asked.as_json:
        results.print_json(placed, words)
    elif placed:
        results.print_table(screen(), placed, words)
    else:
        screen().print(f"No execution fits that can be {words.past}.", soft_wrap=True)
    status = results.exit_status(placed, waited=asked.wait is not None)
    if status:
        raise typer.Exit(status)


def found(asked: Asked, scope: Scope) -> list[Target]:
    """Those that are meant."""
    if asked.ids:
        return asyncio.run(targets.named(asked.journal, asked.ids))
    where = parsed(asked.where)
    states = targets.states_of(where, scope)
    return asyncio.run(targets.selected(asked.journal, where, states))


def placed_now(
    asked: Asked, notes: Console, to_place: Sequence[Target], give: Give
) -> list[Placed]:
    """Posts the orders, with a bar while it lasts."""
    if not to_place:
        return []
    wait_seconds = WAIT_SECONDS if asked.wait is None else asked.wait
    with results.progress(notes, "orders") as bar:
        task = bar.add_task("orders", total=len(to_place))
        try:
            return asyncio.run(
                place(
                    asked.journal,
                    to_place,
                    give,
                    wait_seconds=wait_seconds,
                    progressed=lambda: bar.advance(task),
                )
            )
        except KeyboardInterrupt:
            note = "Interrupted. What was posted stands, and cannot be taken back."
            typer.echo(note, err=True)
            raise typer.Exit(INTERRUPTED) from None


def merged(known: Sequence[Placed], placed: Sequence[Placed]) -> list[Placed]:
    """All of them in the order in which they were named."""
    by_id = {each.target.execution_id: each for each in placed}
    return [by_id.get(each.target.execution_id, each) for each in known]
