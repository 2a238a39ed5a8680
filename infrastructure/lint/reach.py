"""What runs in a body: the function under `@workflow`, and the helpers that it reaches.

Activities, compensations and other workflows are where it stops: they run elsewhere. The same walk
serves activities, whose code `effects` looks at.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from perdure.infrastructure.lint.declared import Declarations
from perdure.infrastructure.lint.findings import Finding, place
from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.scopes import Class, Function


@dataclass(slots=True, eq=False)
class Part:
    """A function whose code runs when `start` does; `start` itself is one too."""

    function: Function
    start: Function
    nodes: list[ast.AST] = field(default_factory=list)

    @property
    def where(self) -> str:
        """How a finding names the place."""
        body = f"the body of {self.start.name}"
        if self.function is self.start:
            return f"in {body}"
        return f"in {self.function.name} (called by {body})"

    def finding(self, code: str, node: ast.AST, what: str, fix: str) -> Finding:
        source = self.function.source
        line, column, last = place(source.lines, node)
        if isinstance(node, ast.ExceptHandler):
            last = line
        return Finding(
            source.path, line, column, code, what, fix, source.lines[line - 1], (line, last)
        )

    def declared(self, code: str, what: str, fix: str) -> Finding:
        """A finding of the declaration: from its first decorator to the end of its signature."""
        source, node = self.function.source, self.function.node
        line, column, _ = place(source.lines, node)
        first = min([line, *(each.lineno for each in node.decorator_list)])
        last = max(line, node.body[0].lineno - 1)
        return Finding(
            source.path, line, column, code, what, fix, source.lines[line - 1], (first, last)
        )


class Reach:
    """Walks from functions to what they call."""

    def __init__(self, meanings: Meanings, declarations: Declarations) -> None:
        self.meanings = meanings
        self.declarations = declarations
        self._nodes: dict[Function, list[ast.AST]] = {}

    def bodies(self, workflows: Iterable[Function]) -> Iterator[Part]:
        """Each function that runs in a body once, with the first workflow that reaches it."""
        seen: set[Function] = set()
        for workflow in workflows:
            yield from self._parts(workflow, seen)

    def parts(self, start: Function) -> Iterator[Part]:
        """The function, and all helpers that it reaches."""
        return self._parts(start, set())

    def _parts(self, start: Function, seen: set[Function]) -> Iterator[Part]:
        waiting = [start]
        while waiting:
            function = waiting.pop(0)
            if function in seen:
                continue
            seen.add(function)
            nodes = self.nodes(function)
            yield Part(function, start, nodes)
            for node in nodes:
                waiting += [each for each in self._reached(node, function) if each not in seen]

    def nodes(self, function: Function) -> list[ast.AST]:
        if function not in self._nodes:
            self._nodes[function] = list(function.nodes())
        return self._nodes[function]

    def _reached(self, node: ast.AST, function: Function) -> Iterator[Function]:
        """Helpers whose name is read: they are called here, or by what they are given to."""
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            return
        meaning = self.meanings.of(node, function.scope)
        if isinstance(node, ast.Attribute):
            meaning = self.meanings.method(node, function.scope) or meaning
        if isinstance(meaning, Class):
            for name in ("__init__", "__post_init__", "model_post_init"):
                for each in meaning.scope.names.get(name, []):
                    if isinstance(each, Function):
                        yield each
        elif isinstance(meaning, Function) and self.declarations.kind(meaning) == "plain":
            yield meaning
