"""The evening of the demo: its audit as a table, two orders as timelines, and where to look on."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.states import state_of, word_of
from perdure.infrastructure.command_line.reading import Record
from perdure.infrastructure.command_line.terminal import this_program
from perdure.infrastructure.command_line.timeline import timeline
from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.demo.audit import Audit
from perdure.infrastructure.demo.day import Evening, Plan
from perdure.infrastructure.demo.kills import middle

SCREEN_LINES = 20  # of an example
MEASURED = (
    "Seconds count from just before the new worker's process is started: starting Python, opening "
    "the engine, and retries that were waited for are part of them. An execution has gone on when "
    "it has appended its first event since the kill."
)


def figures(evening: Evening) -> dict[str, Any]:
    """What `--json` prints: `compensated` ended undone, or, `declined`, with nothing to undo."""
    audit = evening.audit
    return {
        "orders": audit.orders,
        "fulfilled": audit.fulfilled,
        "compensated": undone(audit),
        "declined": audit.declined,
        "open": audit.open,
        "kills": len(evening.kills),
        "recovered": sum(len(kill.went_on) for kill in evening.kills),
        "placed_while_down": placed_while_down(evening),
        "double_charges": audit.double_charges,
        "violations": list(audit.violations),
        "seconds": round(evening.seconds, 3),
    }


def placed_while_down(evening: Evening) -> int:
    """Orders that were accepted while no worker ran."""
    return sum(kill.placed for kill in evening.kills)


def undone(audit: Audit) -> int:
    """Orders that ended undone, or with nothing to undo."""
    return audit.compensated + audit.declined + audit.cancelled


def tell(console: Console, plan: Plan, evening: Evening) -> None:
    """Prints everything."""
    console.print()
    console.print(recoveries(evening))
    console.print(Text(MEASURED, style="dim"))
    console.print()
    console.print(audit_table(evening.audit))
    for state in ("succeeded", "compensated"):
        record = example(evening, state)
        if record is not None:
            console.print(Rule(f"an order that {state}", align="left", style="dim"))
            for part in timeline(record):
                console.print(part)
    console.print(Rule("to look further", align="left", style="dim"))
    for command in commands(plan, evening):
        console.print(Text(f"  {command}"), soft_wrap=True)
    where = f"The shop's books are in {plan.books}; when you have seen enough, delete the folder."
    console.print(Text(where, style="dim"), soft_wrap=True)
    console.print()
    verdict(console, evening)


def recoveries(evening: Evening) -> Table:
    """What each kill left, and how it went on."""
    table = Table(title="Kills", title_justify="left", title_style="bold", pad_edge=False)
    for name in ("kill", "unfinished", "in\nflight", "engine\nopen"):
        table.add_column(name, justify="right")
    for name in ("went on\nmedian", "\nlast", "ended\nmedian", "\nlast"):
        table.add_column(name, justify="right")
    for number, kill in enumerate(evening.kills, 1):
        on, ended = kill.went_on, kill.ended
        table.add_row(
            str(number),
            str(len(kill.unfinished)),
            str(kill.in_flight),
            f"{kill.opened_seconds:.2f} s",
            *(
                f"{s:.2f} s" if s is not None else ""
                for times in (on, ended)
                for s in ((middle(times), max(times.values())) if times else (None, None))
            ),
        )
    return table


def audit_table(audit: Audit) -> Table:
    """The shop's books against the journal, and what the shop did to make it hard."""
    table = Table(
        title="The shop's books against the journal",
        title_justify="left",
        title_style="bold",
        show_header=False,
        pad_edge=False,
    )
    table.add_column(justify="right")
    table.add_column()
    for count, what in rows(audit):
        table.add_row(str(count), what)
    table.add_section()
    wrong = len(audit.violations)
    table.add_row(
        Text(str(audit.double_charges), style="red" if audit.double_charges else "green"),
        "double charges",
    )
    table.add_row(
        Text(str(wrong), style="red" if wrong else "green"), "violations of the audit's rules"
    )
    return table


def rows(audit: Audit) -> Iterator[tuple[int, str]]:
    """The counts, in words."""
    yield audit.orders, "orders"
    yield audit.fulfilled, "fulfilled: charged once and shipped"
    yield audit.compensated, "compensated: what was done is undone"
    yield audit.declined, "failed with nothing to undo: declined by the bank"
    if audit.cancelled:
        yield audit.cancelled, "cancelled"
    yield audit.open, "open"
    yield audit.charges, f"charges, {audit.refunds} of them refunded"
    yield audit.charges_with_lost_answer, "charges made whose answer was lost"
    yield audit.charges_replayed, "charges asked for again, with the same key, and not made again"
    yield audit.calls, "calls to the shop, of which:"
    for met, count in audit.misbehaviours.items():
        yield count, f"  {met}"


def example(evening: Evening, state: str) -> Record | None:
    """An execution of this end to show: one that a crash has touched, and that fits a screen."""

    def worth(stream: Sequence[Event]) -> tuple[bool, int]:
        crashed = any(getattr(event, "kind", "") == "crash" for event in stream)
        return crashed, -abs(len(stream) - SCREEN_LINES)

    found = [
        Record(execution_id=each, state=state_of(fold(each, list(stream))), stream=list(stream))
        for each, stream in evening.streams.items()
    ]
    found = [record for record in found if word_of(record.state) == state]
    return max(found, key=lambda record: worth(record.stream), default=None)


def commands(plan: Plan, evening: Evening) -> Iterator[str]:
    """What to type next."""
    perdure, journal = this_program(), f"--journal {shlex.quote(without_password(plan.journal))}"
    yield f"{perdure} list {journal} --limit 10"
    yield f"{perdure} list {journal} --state compensated"
    record = example(evening, "compensated") or example(evening, "succeeded")
    if record is not None:
        yield f"{perdure} show {shlex.quote(record.execution_id)} {journal}"
        yield f"{perdure} show {shlex.quote(record.execution_id)} {journal} --json"


def verdict(console: Console, evening: Evening) -> None:
    """The last lines: whether all is well."""
    audit = evening.audit
    for violation in audit.violations:
        console.print(Text(f"✘ {violation}", style="red"))
    if audit.violations:
        console.print(Text("The books and the journal disagree.", style="bold red"))
        return
    console.print(
        Text(
            f"All {audit.orders} orders are fulfilled or completely undone, through "
            f"{len(evening.kills)} kills, in {evening.seconds:.1f} s; "
            f"{placed_while_down(evening)} of them were placed while no worker ran.",
            style="bold green",
        )
    )
