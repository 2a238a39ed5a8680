"""Findings on the way out: for people, as JSON, for a build server's annotations, as SARIF.

Judges nothing. The exit status is the command's matter.
"""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.infrastructure.lint.catalogue import ALL
from perdure.infrastructure.lint.examination import Examination
from perdure.infrastructure.lint.findings import Finding

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def print_findings(console: Console, outcome: Examination) -> None:
    """One line for each, the line of code below it, and a count."""
    for finding in outcome.findings:
        line = Text(f"{finding.path}:{finding.line}:{finding.column}: ", style="bold")
        line.append(finding.code, style="red")
        line.append(f" {finding.text}", style="not bold")
        console.print(line, soft_wrap=True)
        code = finding.source_line.strip()
        console.print(Text(f"    {_printable(code)}", style="cyan"), soft_wrap=True)
    count, files = len(outcome.findings), counted(outcome.files, "file")
    told = f"{counted(count, 'finding')} in {files}." if count else f"Nothing found in {files}."
    console.print(Text(told, style="red" if count else "green"), soft_wrap=True)


def print_rules(console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("code", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("why, and what to do", overflow="fold")
    for rule in ALL:
        table.add_row(
            Text(rule.code), Text(rule.name), Text(f"{rule.reason} {_sentence(rule.fix)}")
        )
    console.print(table)


def json_lines(findings: Sequence[Finding]) -> list[str]:
    return [
        json.dumps(
            {
                "path": str(each.path),
                "line": each.line,
                "column": each.column,
                "code": each.code,
                "what": each.what,
                "fix": each.fix,
            },
            ensure_ascii=False,
        )
        for each in findings
    ]


def rules_json() -> list[str]:
    return [
        json.dumps(
            {"code": rule.code, "name": rule.name, "reason": rule.reason, "fix": rule.fix},
            ensure_ascii=False,
        )
        for rule in ALL
    ]


def annotations(findings: Sequence[Finding]) -> list[str]:
    """Workflow commands, by which GitHub shows a finding beside its line."""
    return [
        f"::error file={_escaped(str(each.path), ',:')},line={each.line},col={each.column},"
        f"title={each.code}::{_escaped(each.text)}"
        for each in findings
    ]


def sarif(findings: Sequence[Finding]) -> str:
    """One log of the static analysis results interchange format, 2.1.0."""
    rules = [
        {
            "id": rule.code,
            "name": rule.name,
            "shortDescription": {"text": rule.reason},
            "help": {"text": _sentence(rule.fix)},
        }
        for rule in ALL
    ]
    results = [
        {
            "ruleId": each.code,
            "level": "error",
            "message": {"text": each.text},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": each.path.as_posix()},
                        "region": {"startLine": each.line, "startColumn": each.column},
                    }
                }
            ],
        }
        for each in findings
    ]
    driver = {"name": "perdure lint", "rules": rules}
    log = {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, ensure_ascii=False, indent=2)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _escaped(text: str, more: str = "") -> str:
    for letter in f"%\r\n{more}":
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
