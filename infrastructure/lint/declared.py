"""What functions are declared as: workflows, activities, compensations; and with which options.

Reads decorators only. Declarations that a decorator does not make are not known here.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.scopes import Class, Function

Kind = Literal["workflow", "activity", "compensation", "plain"]


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """A function as its decorator declares it; `undoes`: the activity of a compensation."""

    function: Function
    kind: Kind
    options: dict[str, ast.expr]
    undoes: Function | None = None


class Declarations:
    """Answers for all functions in sight."""

    def __init__(self, meanings: Meanings) -> None:
        self._meanings = meanings
        self._known: dict[Function, Declaration] = {}

    def of(self, function: Function) -> Declaration:
        if function not in self._known:
            self._known[function] = Declaration(function, "plain", {})  # while it is looked at
            self._known[function] = self._of(function)
        return self._known[function]

    def kind(self, meaning: object) -> Kind | None:
        """What is declared by what a name means; None for anything but a function."""
        return self.of(meaning).kind if isinstance(meaning, Function) else None

    def compensated(self, functions: Iterable[Function]) -> set[Function]:
        """The activities among the code in sight that have a compensation."""
        found = (self.of(function).undoes for function in functions)
        return {each for each in found if each is not None}

    def _of(self, function: Function) -> Declaration:
        for decorator in function.node.decorator_list:
            options: dict[str, ast.expr] = {}
            called = decorator
            if isinstance(decorator, ast.Call):
                called = decorator.func
                options = {each.arg: each.value for each in decorator.keywords if each.arg}
            path = self._meanings.path(called, function.outer)
            if path == "perdure.workflow":
                return Declaration(function, "workflow", options)
            if path == "perdure.activity":
                return Declaration(function, "activity", options)
            if isinstance(called, ast.Attribute) and called.attr == "compensate":
                undoes = self._meanings.of(called.value, function.outer)
                if isinstance(undoes, Function) and self.of(undoes).kind == "activity":
                    return Declaration(function, "compensation", options, undoes)
        return Declaration(function, "plain", {})

    def raises(self, declaration: Declaration) -> list[str]:
        """The names of the failures that it declares."""
        value = declaration.options.get("raises")
        if value is None:
            return []
        value, _ = self._meanings.value_of(value, declaration.function.outer)
        if isinstance(value, ast.List | ast.Tuple | ast.Set):
            return [ast.unparse(each) for each in value.elts]
        return []

    def failures(self, declaration: Declaration) -> list[Class]:
        """The classes of those that are in sight."""
        value = declaration.options.get("raises")
        if value is None:
            return []
        value, scope = self._meanings.value_of(value, declaration.function.outer)
        elements = value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else []
        found = (self._meanings.of(each, scope) for each in elements)
        return [each for each in found if isinstance(each, Class)]

    def is_pivot(self, declaration: Declaration) -> bool:
        match declaration.options.get("pivot"):
            case ast.Constant(value=True):
                return True
        return False
