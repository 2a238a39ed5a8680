"""Which executions an order is for: those named by id, or all that `--where` selects.

The journal is only read here. What cannot be meant is refused before anything is ordered, and
before more than one is touched its user is asked.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer
from rich.console import Console

from perdure.domain.journal import ENDED_STATES, IndexRow, Journal, Scan
from perdure.infrastructure.command_line.listing import table_of
from perdure.infrastructure.command_line.reading import visited, waiting_in
from perdure.infrastructure.command_line.where import FIELDS, Where
from perdure.sagas.runs import run_meant

PAGE = 5_000
SHOWN = 10  # of many, before the question

IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="Executions, as `perdure list` prints them."),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITIONS",
        help="Instead of ids: all that fit, like state=stuck,workflow=process_payment,"
        f"reason~timeout. Fields: {', '.join(FIELDS)}, tag.NAME; = is equal, ~ contains. May be "
        "repeated; conditions on several fields have to fit all, on one field one of them.",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only list what would be done; nothing is ordered.")
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before more than one is touched.")
]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an order can be for: with `--where` those in `states`, unless it names others of `also`.

    `needless` tells of which states the order would change nothing, and why.
    """

    order: str
    states: tuple[str, ...]
    also: tuple[str, ...]
    needless: dict[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One execution that is meant; without a row if the journal has none (yet).

    `waiting`: the kinds of the orders to it that no engine has taken yet.
    """

    execution_id: str
    row: IndexRow | None
    waiting: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        return "" if self.row is None else self.row.state

    @property
    def ended(self) -> bool:
        return self.state in ENDED_STATES


def check_usage(ids: Sequence[str], where: Sequence[str], order: str) -> None:
    """Refuses an order for nobody, or for two things at once."""
    if not ids and not where:
        raise typer.BadParameter(
            f"say which executions to {order}: their ids, or --where state=... for all that fit"
        )
    if ids and where:
        raise typer.BadParameter("say either ids or --where: what both mean together is not clear")


def states_of(where: Where, scope: Scope) -> tuple[str, ...]:
    """The states to look among. Refuses those that the order is not for."""
    wanted = where.values("state")
    wrong = [state for state in wanted if state not in scope.states + scope.also]
    if wrong:
        raise typer.BadParameter(
            f"{scope.order} is for executions that are {', '.join(scope.states + scope.also)}, "
            f"not {', '.join(wrong)}"
        )
    return wanted or scope.states


async def named(url: str, ids: Sequence[str]) -> list[Target]:
    """Those with these ids, each once. Raises BadIdentity."""
    async with visited(url) as journal:
        rows = dict([await run_meant(journal, each) for each in ids])
        return await with_orders(journal, [Target(each, row) for each, row in rows.items()])


async def selected(url: str, where: Where, states: tuple[str, ...]) -> list[Target]:
    """All that fit, oldest first."""
    workflows = where.values("workflow")
    only = workflows[0] if len(workflows) == 1 else None
    found: list[Target] = []
    after: tuple[int, str] | None = None
    async with visited(url) as journal:
        while True:
            page = await journal.scan(
                Scan(states=states, workflow=only, everything=True, after=after, limit=PAGE)
            )
            found += [Target(row.execution_id, row) for row in page if where.fits(row)]
            if len(page) < PAGE:
                return await with_orders(journal, found[::-1])
            after = (page[-1].started, page[-1].execution_id)


async def with_orders(journal: Journal, targets: Sequence[Target]) -> list[Target]:
    """The same, with the orders that wait for them."""
    waiting = await waiting_in(journal, [target.execution_id for target in targets])
    return [
        replace(target, waiting=tuple(each.kind for each in waiting[target.execution_id]))
        for target in targets
    ]


def ask(console: Console, targets: Sequence[Target], question: str) -> bool:
    """Shows them, and asks. False: no."""
    rows = [target.row for target in targets if target.row is not None]
    if rows:
        console.print(table_of(rows[:SHOWN], console.width))
    if len(targets) > SHOWN:
        console.print(f"… and {len(targets) - SHOWN:,} more: {told_states(targets)}.")
    console.print(f"{question} {len(targets):,} executions? [y/N] ", end="", markup=False)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # nobody is there
        console.print()
    return answer.strip().lower() in ("y", "yes")


def told_states(targets: Sequence[Target]) -> str:
    """How many there are of each state."""
    counts = Counter(target.state or "not begun" for target in targets)
    return ", ".join(f"{count:,} {state}" for state, count in counts.most_common())
