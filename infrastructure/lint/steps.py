"""The steps of a workflow, and which can follow which: activities and failures, in any branch.

Reads the body backwards, helpers with it. A loop's steps follow themselves; those of a gather each
other. It is no proof: what no path could do may still be among the followers.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from perdure.infrastructure.lint.declared import Declarations
from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.scopes import Function, Scope

Steps = frozenset["Step"]
NONE: Steps = frozenset()
DEPTH = 12  # of helpers that call helpers


@dataclass(slots=True, eq=False)
class Step:
    """A call of an activity, or a `raise` (without one). `caught`: by these handlers around it."""

    node: ast.AST
    function: Function
    activity: Function | None
    caught: tuple[ast.ExceptHandler, ...]
    followers: set["Step"] = field(default_factory=set)

    @property
    def scope(self) -> Scope:
        return self.function.scope

    @property
    def line(self) -> int:
        return int(getattr(self.node, "lineno", 0))


class Course:
    """The steps of one workflow."""

    def __init__(self, workflow: Function, meanings: Meanings, declarations: Declarations) -> None:
        self._meanings = meanings
        self._declarations = declarations
        self._steps: dict[tuple[int, tuple[Function, ...]], Step] = {}
        self._walked: dict[tuple[tuple[Function, ...], Steps], Steps] = {}
        self._handlers: list[ast.ExceptHandler] = []
        self._within: list[Function] = [workflow]
        self._returns: list[Steps] = [NONE]  # what follows a return of each of them
        self._block(workflow.node.body, NONE)

    @property
    def steps(self) -> list[Step]:
        return sorted(self._steps.values(), key=lambda step: step.line)

    @property
    def _scope(self) -> Scope:
        return self._within[-1].scope

    def _block(self, body: list[ast.stmt], after: Steps) -> Steps:
        for statement in reversed(body):
            after = self._statement(statement, after)
        return after

    def _statement(self, statement: ast.stmt, after: Steps) -> Steps:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                return self._parts([test], self._block(body, after) | self._block(orelse, after))
            case ast.For(iter=head, body=body) | ast.AsyncFor(iter=head, body=body):
                return self._parts([head], self._loop(body, after))
            case ast.While(test=head, body=body):
                return self._loop([ast.Expr(head), *body], after)
            case ast.Try() | ast.TryStar():
                return self._attempt(statement, after)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                return self._parts([each.context_expr for each in items], self._block(body, after))
            case ast.Match(subject=subject, cases=cases):
                ways = [self._block(each.body, after) for each in cases]
                return self._parts([subject], after.union(*ways))
            case ast.Return(value=value):
                return self._parts([value], self._returns[-1])
            case ast.Raise(exc=raised):
                step = self._step(statement, None, NONE)
                return self._parts([raised], frozenset([step]))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return after
        return self._parts(list(ast.iter_child_nodes(statement)), after)

    def _loop(self, body: list[ast.stmt], after: Steps) -> Steps:
        once = self._block(body, after)
        return self._block(body, after | once) | after

    def _attempt(self, statement: ast.Try | ast.TryStar, after: Steps) -> Steps:
        last = self._block(statement.finalbody, after)
        handled = last.union(*(self._block(each.body, last) for each in statement.handlers))
        otherwise = self._block(statement.orelse, last)
        depth = len(self._handlers)
        self._handlers += statement.handlers
        before = self._block(statement.body, otherwise | handled)
        del self._handlers[depth:]
        return before

    def _parts(self, parts: Sequence[ast.AST | None], after: Steps) -> Steps:
        for part in reversed(parts):
            if part is not None:
                after = self._expression(part, after)
        return after

    def _expression(self, node: ast.AST, after: Steps) -> Steps:
        match node:
            case ast.Lambda():
                return after
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                children = list(ast.iter_child_nodes(node))
                once = self._parts(children, after)
                return self._parts(children, after | once)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                ways = self._expression(body, after) | self._expression(orelse, after)
                return self._expression(test, ways)
            case ast.Call():
                return self._call(node, after)
        return self._parts(list(ast.iter_child_nodes(node)), after)

    def _call(self, call: ast.Call, after: Steps) -> Steps:
        inner: list[ast.AST] = [call.func, *call.args, *(each.value for each in call.keywords)]
        meaning = self._meanings.of(call.func, self._scope)
        if self._meanings.path(call.func, self._scope) == "asyncio.gather":
            each = [self._expression(part, NONE) for part in call.args]
            return after.union(
                *(
                    self._expression(part, after.union(*each[:number], *each[number + 1 :]))
                    for number, part in enumerate(call.args)
                )
            )
        if isinstance(meaning, Function):
            kind = self._declarations.kind(meaning)
            if kind == "activity":
                after |= {self._step(call, meaning, after)}
            elif kind == "plain" and meaning not in self._within and len(self._within) < DEPTH:
                after = self._helper(meaning, after)
        return self._parts(inner, after)

    def _helper(self, helper: Function, after: Steps) -> Steps:
        """Once for each way to it and each `after`: helpers may be called often, and in loops."""
        self._within.append(helper)
        key = (tuple(self._within), after)
        if key not in self._walked:
            self._returns.append(after)
            self._walked[key] = self._block(helper.node.body, after)
            self._returns.pop()
        self._within.pop()
        return self._walked[key]

    def _step(self, node: ast.AST, activity: Function | None, after: Steps) -> Step:
        key = (id(node), tuple(self._within))
        step = self._steps.get(key)
        if step is None:
            caught = tuple(self._handlers)
            step = self._steps[key] = Step(node, self._within[-1], activity, caught)
        step.followers |= after
        return step


def steps_after_pivot(course: Course, declarations: Declarations) -> Iterator[tuple[Step, Step]]:
    """Each step that can follow a pivot, with the pivot."""
    seen: set[Step] = set()
    for pivot in course.steps:
        if pivot.activity is not None and declarations.is_pivot(declarations.of(pivot.activity)):
            for step in sorted(pivot.followers - {pivot} - seen, key=lambda step: step.line):
                seen.add(step)
                yield pivot, step
