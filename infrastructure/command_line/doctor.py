"""`perdure doctor`: examines a journal; after a restore it begins a new incarnation of it.

What is examined is each backend's matter; which attempts may run again is told by `restored`.
"""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.infrastructure.command_line import restored
from perdure.infrastructure.command_line.listing import JSONOption
from perdure.infrastructure.command_line.terminal import printable, screen
from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.keepers import keeper_of
from perdure.infrastructure.keeping import Finding, Verdict

STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}

ExaminedJournalOption = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="URL",
        help="The journal, like sqlite:///payments.db or postgresql://host/database. It is only "
        "read, unless --after-restore is given; an engine may run on it.",
    ),
]


def doctor(
    *,
    journal: ExaminedJournalOption,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Read all events for gaps, not only the newest: takes longer."),
    ] = False,
    after_restore: Annotated[
        bool,
        typer.Option(
            "--after-restore",
            help="The journal was restored from a backup: begin a new incarnation of it, in which "
            "no engine of before can append, and list the attempts that may run again.",
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --after-restore: do not ask before.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Examines a journal: its server or file, rights, tables, leases, and what waits for somebody.

    Exit status 1 says that a check has failed; warnings do not.

    Example: perdure doctor --journal postgresql://shop@db.example/shop
    """
    if after_restore:
        _after_restore(journal, yes=yes, as_json=as_json)
        return
    found = keeper_of(journal).examine(everything=everything)
    if as_json:
        for each in found:
            typer.echo(json.dumps(finding_json(each), ensure_ascii=False))
    else:
        print_findings(screen(), found)
    if any(each.verdict is Verdict.FAILED for each in found):
        raise typer.Exit(1)


def finding_json(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "told": finding.told,
        "next_step": finding.next_step,
    }


def print_findings(console: Console, found: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what was seen, and what to do", overflow="fold")
    for each in found:
        told = f"{each.told}; {each.next_step}" if each.next_step else each.told
        verdict = Text(each.verdict.value, style=STYLES[each.verdict])
        table.add_row(Text(each.check), verdict, Text(printable(told)))
    console.print(table)
    counts = [sum(each.verdict is verdict for each in found) for verdict in Verdict]
    told = ", ".join(f"{n} {v.value}" for n, v in zip(counts, Verdict, strict=True) if n)
    console.print(Text(f"{len(found)} checks: {told}."), soft_wrap=True)


def _after_restore(journal: str, *, yes: bool, as_json: bool) -> None:
    keeper = keeper_of(journal)
    if not yes and not confirmed(journal):
        typer.echo("Nothing was done. To answer beforehand: --yes.", err=True)
        raise typer.Exit(1)
    told = keeper.begin_anew()
    found = restored.unfinished_of(journal)
    if as_json:
        restored.print_json(told, found)
    else:
        restored.print_list(screen(), told, found)


def confirmed(journal: str) -> bool:
    notes = screen(stderr=True)
    notes.print(
        f"{without_password(journal)}: every engine that has this journal open loses it, and takes "
        "it again as it is now. Do this once after a restore, before an engine is opened on it.",
        soft_wrap=True,
        markup=False,
    )
    notes.print("Begin a new incarnation? [y/N] ", end="", markup=False)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # nobody is there
        notes.print()
    return answer.strip().lower() in ("y", "yes")
