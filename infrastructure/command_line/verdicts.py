"""What `perdure check` has found: counts and groups for people, lines of JSON for programs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.infrastructure.command_line.sentences import short
from perdure.infrastructure.command_line.terminal import printable
from perdure.infrastructure.gate.answers import SAFE
from perdure.infrastructure.gate.report import Group, Report

GROUPS_SHOWN = 20
VALUE_LENGTH = 400


def print_json(report: Report) -> None:
    """A line for what is safe of each workflow, and one for each group of what is not."""
    for (workflow, kind), count in sorted(report.counts.items()):
        if kind == SAFE and count:
            tell({"outcome": SAFE, "workflow": workflow, "count": count})
    for group in report.sorted_groups():
        tell(group_json(group))
    if report.ungrouped:
        tell({"outcome": "further groups", "count": report.ungrouped})


def tell(line: dict[str, Any]) -> None:
    typer.echo(json.dumps(line, ensure_ascii=False))


def group_json(group: Group) -> dict[str, Any]:
    """A group; `event` is 0 and texts are empty where there is nothing to tell."""
    first: dict[str, Any] = msgspec.structs.asdict(group.first)
    del first["id"]
    kind = first.pop("kind")
    head = {"outcome": kind, "workflow": group.workflow, "count": group.count}
    return head | {"examples": group.examples} | first


def print_report(console: Console, report: Report) -> None:
    """The counts, then what does not go on, the most of it first."""
    if not report.total:
        console.print("Nothing is unfinished: any code fits.")
        return
    console.print(table_of(report))
    groups = report.sorted_groups()
    for group in groups[:GROUPS_SHOWN]:
        console.print()
        for line in told(group):
            console.print(line, soft_wrap=True)
    if groups:
        console.print()
    further = len(groups) - GROUPS_SHOWN
    if further > 0 or report.ungrouped:
        console.print(f"… and {max(further, 0):,} groups more; --json tells them.")
    if report.blocked_before:
        console.print(
            f"{report.blocked_before:,} of them are blocked by the code that runs now; "
            f"{report.heals:,} of those would go on with this code."
        )
    many, unfit = report.total, report.total - report.safe
    executions = "execution" if many == 1 else "executions"
    if unfit:
        console.print(f"{unfit:,} of {many:,} {executions} would not go on with this code.")
    else:
        console.print(f"{many:,} {executions}: all of them go on with this code.")


def table_of(report: Report) -> Table:
    """A row for each workflow, a column for each outcome that occurs."""
    kinds = {kind for (_, kind), count in report.counts.items() if count}
    columns = [SAFE, *sorted(kinds - {SAFE})]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("workflow", overflow="fold")
    for each in columns:
        table.add_column(each, justify="right")
    for workflow in sorted({workflow for workflow, _ in report.counts}):
        counts = [report.counts[workflow, kind] for kind in columns]
        table.add_row(
            Text(printable(workflow)), *(f"{count:,}" if count else "" for count in counts)
        )
    return table


def told(group: Group) -> Iterator[Text]:
    """A group in lines: who, where, recorded and now, and what mends it."""
    first = group.first
    many = f"{group.count:,} execution{'s' if group.count > 1 else ''}"
    examples = ", ".join(printable(each) for each in group.examples)
    more = ", …" if group.count > len(group.examples) else ""
    yield Text(f"{group.workflow}: {many}: {first.kind}", style="bold red")
    yield fact("which", f"{examples}{more}")
    if first.code:
        yield fact("written by", f"code {', '.join(first.code)}, requests {first.shape}")
    if first.expected:
        at = f"event {first.event}"
        yield fact("at", at if first.position in ("", at) else f"{at}, {first.position}")
        yield fact("recorded", first.expected)
        yield fact("now", first.actual)
    if not first.expected or first.kind != "diverges":
        yield fact("why", first.why)
    if first.where:
        yield fact("line", from_here(first.where))
    if first.guard:
        yield fact("guard", first.guard)
        yield fact("", first.advice)


def from_here(where: str) -> str:
    """A line of a file below the folder of today is told as it is seen from there."""
    path = Path(where)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else where


def fact(name: str, value: str) -> Text:
    text = short(" ".join(printable(value).split()), VALUE_LENGTH)
    return Text.assemble((f"  {name:<11}", "cyan"), text)
