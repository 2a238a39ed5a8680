"""`perdure lint`: finds by reading what in workflows and activities would not survive a replay.

The code is parsed, never imported nor run. The rules are in `infrastructure/lint`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from perdure.infrastructure.command_line.listing import JSONOption
from perdure.infrastructure.command_line.terminal import complain, screen
from perdure.infrastructure.lint import report
from perdure.infrastructure.lint.catalogue import RULES
from perdure.infrastructure.lint.examination import Examination, examine
from perdure.infrastructure.lint.targets import NoSuchTarget, files_of

UNREADABLE = 2


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def lint(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODULE|FILE|FOLDER...", help="What to lint; a folder means all below it."
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", metavar="CODES", help="Leave out rules, like PD101,PD108. May be repeated."
        ),
    ] = None,
    output: Annotated[
        Format,
        typer.Option(
            "--format", help="For people, as JSON, as annotations of a build at GitHub, as SARIF."
        ),
    ] = Format.TEXT,
    as_json: JSONOption = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Print the rules with their reasons, and end.")
    ] = False,
) -> None:
    """Lints workflows and activities: what would not survive a replay, or could not be undone.

    The code is only read. One line is let pass by a comment: # perdure: ignore[PD101]. Exit status
    1 says that something was found, 2 that a file cannot be parsed.

    Example: perdure lint src
    """
    chosen = Format.JSON if as_json else output
    if rules:
        _print_rules(chosen)
        return
    if not targets:
        raise typer.BadParameter(
            "say what to lint: modules, files or folders, like: perdure lint src"
        )
    ignored = [code.strip() for codes in ignore or () for code in codes.split(",")]
    unknown = sorted(set(ignored) - RULES.keys())
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)}: there is no such rule; perdure lint --rules lists them"
        )
    try:
        files = files_of(targets, Path.cwd())
    except NoSuchTarget as error:
        raise typer.BadParameter(str(error)) from error
    outcome = examine(files, ignored, Path.cwd())
    _print(outcome, chosen)
    for path, why in outcome.unreadable:
        complain(f"{path} cannot be parsed: {why}; what else was named is linted")
    if outcome.unreadable:
        raise typer.Exit(UNREADABLE)
    if outcome.findings:
        raise typer.Exit(1)


def _print(outcome: Examination, chosen: Format) -> None:
    match chosen:
        case Format.TEXT:
            report.print_findings(screen(), outcome)
        case Format.JSON:
            _echo(report.json_lines(outcome.findings))
        case Format.GITHUB:
            _echo(report.annotations(outcome.findings))
        case Format.SARIF:
            _echo([report.sarif(outcome.findings)])


def _print_rules(chosen: Format) -> None:
    if chosen is Format.JSON:
        _echo(report.rules_json())
    else:
        report.print_rules(screen())


def _echo(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)
