"""Examines files by all rules, and takes away what their comments switch off.

Files are read and parsed, nothing is imported or run. How it is printed is `report`'s matter.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from perdure.infrastructure.lint import awaiting, order, outside, state
from perdure.infrastructure.lint.catalogue import RULES
from perdure.infrastructure.lint.declared import Declarations
from perdure.infrastructure.lint.findings import Finding
from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.program import Program
from perdure.infrastructure.lint.reach import Part, Reach
from perdure.infrastructure.lint.scopes import Function
from perdure.infrastructure.lint.source import SourceFile
from perdure.infrastructure.lint.undoing import Undoing

DEEP = 20_000  # calls within calls
FIXES = {rule.code: rule.fix for rule in RULES.values()}


@dataclass(slots=True)
class Examination:
    """What came out. `unreadable`: files that could not be parsed, and why."""

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


@dataclass(slots=True)
class Judged:
    """Which functions the rules have looked at: a needless comment is only told of where they did.

    A helper that is linted without the workflow that calls it is judged by nobody.
    """

    bodies: set[Function] = field(default_factory=set)
    declared: set[Function] = field(default_factory=set)
    steps: set[Function] = field(default_factory=set)

    def by(self, code: str) -> set[Function]:
        if code == "PD201":
            return self.steps
        return self.declared if code in ("PD203", "PD204", "PD205") else self.bodies


def examine(paths: Iterable[Path], ignored: Sequence[str], here: Path) -> Examination:
    """Lints files; `ignored`: codes that are switched off for all of them."""
    outcome = Examination()
    with _deep_code():
        program = Program(here)
        sources: list[SourceFile] = []
        for path in paths:
            try:
                sources.append(program.read(path))
            except (SyntaxError, UnicodeDecodeError, OSError, RecursionError) as error:
                outcome.unreadable.append((path, _told(error)))
        outcome.files = len(sources)
        judged = Judged()
        found = set(_findings(sources, program, judged))
        outcome.findings = sorted(
            finding
            for finding in _kept(found, sources, program, judged, set(ignored))
            if finding.code not in ignored
        )
    return outcome


@contextmanager
def _deep_code() -> Iterator[None]:
    """A sum of a thousand terms is a tree a thousand deep, and gone through by recursion."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _findings(sources: Sequence[SourceFile], program: Program, judged: Judged) -> Iterator[Finding]:
    meanings = Meanings(program)
    declarations = Declarations(meanings)
    reach = Reach(meanings, declarations)
    linted = [declarations.of(function) for source in sources for function in source.functions]
    workflows = [each.function for each in linted if each.kind == "workflow"]
    for part in reach.bodies(workflows):
        judged.bodies.add(part.function)
        yield from _of_body(part, meanings, declarations)
    undoing = Undoing(reach, declarations.compensated(program.functions), FIXES)
    for workflow in workflows:
        yield from undoing.of_workflow(workflow)
    for declaration in linted:
        if declaration.kind != "plain":
            judged.declared.add(declaration.function)
            yield from undoing.of_declaration(declaration)
    judged.steps |= undoing.steps


def _of_body(part: Part, meanings: Meanings, declarations: Declarations) -> Iterator[Finding]:
    yield from outside.findings(part, meanings, FIXES)
    told = [
        *(("PD109", *each) for each in state.global_state(part, meanings)),
        *(("PD110", *each) for each in order.unsteady_order(part, meanings)),
        *(("PD111", *each) for each in order.hashes(part, meanings)),
        *(("PD112", *each) for each in awaiting.not_awaited(part, meanings, declarations)),
        *(("PD113", *each) for each in awaiting.swallowed(part, meanings)),
        *awaiting.wrong_calls(part, meanings, declarations),
    ]
    for code, node, what in told:
        yield part.finding(code, node, f"{what} {part.where}", FIXES[code])


def _kept(
    found: Iterable[Finding],
    sources: Sequence[SourceFile],
    program: Program,
    judged: Judged,
    ignored: set[str],
) -> Iterator[Finding]:
    """Findings that no comment switches off, and the comments that switch off nothing."""
    used: set[tuple[Path, int, str]] = set()
    for finding in found:
        ignores = program.read(finding.path).ignores
        first, last = finding.lines
        lines = [line for line in range(first, last + 1) if finding.code in ignores.get(line, ())]
        used.update((finding.path, line, finding.code) for line in lines)
        if not lines:
            yield finding
    for source in sources:
        for line, codes in source.ignores.items():
            for code in codes:
                if (source.path, line, code) not in used and code not in ignored:
                    yield from _needless(source, line, code, judged)


def _needless(source: SourceFile, line: int, code: str, judged: Judged) -> Iterator[Finding]:
    if code not in RULES:
        what = f"{code} is no rule"
    else:
        around = source.function_at(line)
        if around is not None and around not in judged.by(code):
            return
        what = f"{code} is not found here"
    text = source.lines[line - 1]
    column = text.find("#", max(text.find("perdure:") - 4, 0)) + 1
    yield Finding(source.path, line, column, "PD001", what, FIXES["PD001"], text, (line, line))


def _told(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno is not None:
        return f"line {error.lineno}: {error.msg}"
    return str(error) or type(error).__name__
