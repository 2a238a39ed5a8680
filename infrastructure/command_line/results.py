"""What became of an order, told: a table with counts for people, lines of JSON for programs.

And as an exit status for scripts.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from perdure.infrastructure.command_line.placing import Outcome, Placed
from perdure.infrastructure.command_line.terminal import printable, this_program

ALL_SHOWN = 20  # of more, only those that need somebody are listed
MOST_SHOWN = 50
STYLES = {Outcome.DONE: "green", Outcome.POSTED: "yellow", Outcome.REFUSED: "red"}
STILL_WAITS = 3  # the exit status


@dataclass(frozen=True, slots=True)
class Words:
    """An order in words: `resume`, as programs find it; "Resume" these? "resumed"."""

    name: str
    question: str
    past: str

    def of(self, outcome: Outcome) -> str:
        match outcome:
            case Outcome.DONE:
                return self.past
            case Outcome.POSTED:
                return "posted, waiting"
            case Outcome.NEEDLESS:
                return "nothing to do"
            case Outcome.REFUSED:
                return "refused"
            case Outcome.PLANNED:
                return f"would be {self.past}"


def progress(console: Console, of_what: str) -> Progress:
    """A bar, where somebody sees it."""
    return Progress(
        TextColumn(of_what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def print_json(placed: Sequence[Placed], words: Words) -> None:
    for each in placed:
        line = {
            "id": each.target.execution_id,
            "order": words.name,
            "outcome": each.outcome.value,
            "state_before": each.target.state or None,
            "why": each.why,
        }
        typer.echo(json.dumps(line, ensure_ascii=False))


def print_table(console: Console, placed: Sequence[Placed], words: Words) -> None:
    """Those that need somebody, all of them if they are few, and the counts."""
    expected = (Outcome.DONE, Outcome.POSTED, Outcome.NEEDLESS)
    listed = [each for each in placed if each.outcome not in expected]
    if len(placed) <= ALL_SHOWN:
        listed = list(placed)
    if listed:
        console.print(table_of(listed[:MOST_SHOWN], words))
    if len(listed) > MOST_SHOWN:
        console.print(f"… and {len(listed) - MOST_SHOWN:,} more; --json tells all of them.")
    counts = Counter(each.outcome for each in placed)
    told = ", ".join(f"{count:,} {words.of(outcome)}" for outcome, count in counts.items())
    many = "execution" if len(placed) == 1 else "executions"
    console.print(Text(f"{len(placed):,} {many}: {told}."), soft_wrap=True)
    if counts[Outcome.POSTED]:
        console.print(
            "What is posted is durable. It will be carried out by the engine that has this journal "
            f"open, or by the next one; `{this_program()} show ID` tells when it was.",
            soft_wrap=True,
        )


def table_of(placed: Sequence[Placed], words: Words) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", overflow="fold")
    table.add_column("it was", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for each in placed:
        row = each.target.row
        why = each.why or ("" if row is None else row.reason)
        table.add_row(
            Text(printable(each.target.execution_id)),
            each.target.state,
            Text(words.of(each.outcome), style=STYLES.get(each.outcome, "")),
            Text(" ".join(printable(why).split())),
        )
    return table


def exit_status(placed: Sequence[Placed], *, waited: bool) -> int:
    """1: something was refused. 3: somebody has asked to wait for replies, and not all came."""
    outcomes = {each.outcome for each in placed}
    if Outcome.REFUSED in outcomes:
        return 1
    return STILL_WAITS if waited and Outcome.POSTED in outcomes else 0
