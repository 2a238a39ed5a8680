"""One file as the lint sees it: path, text, syntax tree, scopes, and the comments that ignore.

Says which module it is from the folders around it. Which files are read is `program`'s matter.
"""

import ast
import io
import re
import tokenize
import warnings
from functools import cached_property
from pathlib import Path

from perdure.infrastructure.lint.scopes import Function, Scope, ScopeBuilder

IGNORE = re.compile(r"#\s*perdure:\s*ignore\[([^\]]*)\]")


class SourceFile:
    """A parsed file. SyntaxError or UnicodeDecodeError when it cannot be; OSError when not read."""

    def __init__(self, path: Path, here: Path) -> None:
        self.path = path  # as findings name it, from `here`
        self._place = (here / path).resolve()
        with tokenize.open(self._place) as file:
            self.text = file.read()
        self.lines = self.text.splitlines()
        with warnings.catch_warnings():  # an odd escape is another linter's matter
            warnings.simplefilter("ignore")
            try:
                self.tree = ast.parse(self.text, str(path))
            except ValueError as error:  # a null byte, before Python 3.12
                raise SyntaxError(str(error)) from error
        builder = ScopeBuilder(self)
        builder.visit(self.tree)
        self.scope: Scope = builder.module
        self.functions: list[Function] = builder.functions

    @cached_property
    def root(self) -> Path:
        """The folder from which its package is imported."""
        folder = self._place.parent
        while (folder / "__init__.py").exists() and folder.parent != folder:
            folder = folder.parent
        return folder

    @cached_property
    def package(self) -> tuple[str, ...]:
        """The packages around it, outermost first; of an `__init__.py` its own too."""
        return self._place.parent.relative_to(self.root).parts

    def package_of(self, level: int) -> str:
        """What a relative import with so many dots starts from; "" for an absolute one."""
        if not level:
            return ""
        kept = len(self.package) - level + 1
        return ".".join(self.package[: max(kept, 0)]) or "."

    @cached_property
    def ignores(self) -> dict[int, list[str]]:
        """The codes that comments switch off, by line."""
        found: dict[int, list[str]] = {}
        if "perdure:" not in self.text:
            return found
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            match = IGNORE.search(token.string) if token.type == tokenize.COMMENT else None
            if match is not None:
                codes = [code.strip() for code in match[1].split(",")]
                found.setdefault(token.start[0], []).extend(code for code in codes if code)
        return found

    def function_at(self, line: int) -> Function | None:
        """The innermost function that has the line, its decorators included."""
        found = None
        for function in self.functions:  # outer ones come before those within
            node = function.node
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= line <= (node.end_lineno or first):
                found = function
        return found
