"""A rule, and a finding: one place in the code where a rule is broken.

Which rules there are is `catalogue`'s matter, how findings are printed `report`'s.
"""

import ast
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rule:
    """What is refused: `code` and `name` for people to quote, why it harms, what to do instead."""

    code: str
    name: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A breach. Lines and columns count from 1; `lines`: from where to where its code goes."""

    path: Path
    line: int
    column: int
    code: str
    what: str
    fix: str
    source_line: str = field(compare=False, default="")
    lines: tuple[int, int] = field(compare=False, default=(0, 0))

    @property
    def text(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.what}; {self.fix}"


def place(lines: list[str], node: ast.AST) -> tuple[int, int, int]:
    """Line, column in characters, last line."""
    line: int = getattr(node, "lineno", 1)
    offset: int = getattr(node, "col_offset", 0)
    before = lines[line - 1].encode()[:offset] if line <= len(lines) else b""
    last: int = getattr(node, "end_lineno", None) or line
    return line, len(before.decode(errors="replace")) + 1, last
