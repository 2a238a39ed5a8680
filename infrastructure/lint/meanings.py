"""What an expression means: a name from outside, a function or class in sight, or nobody knows.

Follows imports, assignments, annotations and re-exports. Where several things could be meant it
answers None, and the rules stay quiet. What a function is declared as is `declared`'s matter.
"""

import ast
import builtins
from dataclasses import dataclass

from perdure.infrastructure.lint.program import Program
from perdure.infrastructure.lint.scopes import (
    Annotated,
    Binding,
    Class,
    Function,
    Imported,
    Scope,
    Value,
)
from perdure.infrastructure.lint.source import SourceFile

SET = "builtins.set()"
SETS = (SET, "builtins.frozenset()")
TASKS = "asyncio.tasks()"  # a set of tasks, as asyncio.wait() gives them
SEEDED = "seeded()"
DEPTH = 24  # of following; deeper is given up

SET_ANNOTATIONS = {
    *("typing.Set", "typing.FrozenSet", "typing.AbstractSet", "typing.MutableSet"),
    *("collections.abc.Set", "collections.abc.MutableSet", "builtins.set", "builtins.frozenset"),
}
TRANSPARENT = {
    *("typing.Optional", "typing.Annotated", "typing.Final", "typing.ClassVar"),
    *("typing.Awaitable", "collections.abc.Awaitable"),
}
CONTAINERS = {"builtins.list", "builtins.dict", "builtins.tuple", *SET_ANNOTATIONS}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
GENERATORS = {"random.Random", "numpy.random.default_rng", "numpy.random.RandomState"}
DISPLAYS: dict[type[ast.AST], str] = {
    **dict.fromkeys((ast.Set, ast.SetComp), SET),
    **dict.fromkeys((ast.List, ast.ListComp), "builtins.list()"),
    **dict.fromkeys((ast.Dict, ast.DictComp), "builtins.dict()"),
    ast.JoinedStr: "builtins.str()",
    ast.Tuple: "builtins.tuple()",
    ast.GeneratorExp: "builtins.generator()",
}


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that the code in sight does not define; `()` stands for what a call gives."""

    path: str


@dataclass(frozen=True, slots=True)
class Made:
    """An object of a class in sight."""

    of: Class


Meaning = Outside | Made | Class | Function | None


class Meanings:
    """Answers for all files of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._depth = 0

    def of(self, expression: ast.AST | None, scope: Scope) -> Meaning:
        """What the expression means where this scope is the innermost."""
        if expression is None or self._depth >= DEPTH:
            return None
        self._depth += 1
        try:
            return self._of(expression, scope)
        finally:
            self._depth -= 1

    def path(self, expression: ast.AST | None, scope: Scope) -> str:
        """The dotted name of what is outside; "" for anything else."""
        meaning = self.of(expression, scope)
        return meaning.path if isinstance(meaning, Outside) else ""

    def is_set(self, expression: ast.AST, scope: Scope) -> bool:
        return self.path(expression, scope) in SETS

    def value_of(self, expression: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
        """The expression behind a name that is assigned once; the same for anything else."""
        while isinstance(expression, ast.Name):
            owner = scope.owner(expression.id)
            bound = owner.names[expression.id] if owner is not None else []
            values = [each for each in bound if isinstance(each, Value) and each.part is None]
            if owner is None or len(values) != 1 or values[0].expression is expression:
                break
            expression, scope = values[0].expression, owner
        return expression, scope

    def _of(self, expression: ast.AST, scope: Scope) -> Meaning:
        match expression:
            case ast.Name(id=name):
                return self._name(name, scope)
            case ast.Attribute(value=value, attr=name):
                return self.member(self.of(value, scope), name, scope.source)
            case ast.Call():
                return self._call(expression, scope)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.of(value, scope)
            case ast.BinOp(left=left, right=right, op=op):
                return self._operation(self.of(left, scope), op, right, scope)
            case ast.IfExp(body=one, orelse=other):
                return self._agreed([self.of(one, scope), self.of(other, scope)])
            case ast.BoolOp(values=values):
                values = [each for each in values if not _is_empty(each)]  # tags or []
                return self._agreed([self.of(each, scope) for each in values])
            case ast.Subscript(value=value):
                meaning = self.of(value, scope)
                generic = isinstance(meaning, Outside) and meaning.path in CONTAINERS
                return meaning if generic or isinstance(meaning, Class) else None
            case ast.Constant(value=str()):
                return Outside("builtins.str()")
        display = DISPLAYS.get(type(expression))
        return Outside(display) if display else None

    def _agreed(self, meanings: list[Meaning]) -> Meaning:
        return meanings[0] if meanings and all(each == meanings[0] for each in meanings) else None

    def _operation(self, left: Meaning, op: ast.operator, right: ast.expr, scope: Scope) -> Meaning:
        if not isinstance(left, Outside):
            return None
        if left.path in (*SETS, "builtins.dict().keys()"):
            return Outside(SET)
        if left.path == "pathlib.Path()" and isinstance(op, ast.Div):
            return left
        return left if self.of(right, scope) == left else None

    def _name(self, name: str, scope: Scope) -> Meaning:
        owner = scope.owner(name)
        if owner is None:
            return Outside(f"builtins.{name}") if hasattr(builtins, name) else None
        bindings = owner.names[name]
        if name == "self" and owner.within is not None and len(bindings) == 1:
            return Made(owner.within)
        defined = [each for each in bindings if isinstance(each, Function)]
        if len(defined) == len(bindings):  # overloads: the last is the function
            return defined[-1]
        annotated = [each for each in bindings if isinstance(each, Annotated)]
        return self._agreed([self._bound(each, owner) for each in annotated or bindings])

    def _bound(self, binding: Binding, owner: Scope) -> Meaning:
        match binding:
            case Imported(path=path):
                return self._imported(path, owner.source)
            case Value(expression=expression, part=None):
                return self.of(expression, owner)
            case Value(expression=expression):
                tasks = self.path(expression, owner) == "asyncio.wait()"
                return Outside(TASKS) if tasks else None
            case Annotated(annotation=annotation):
                return self.annotated(annotation, owner)
            case Class() | Function():
                return binding
        return None

    def annotated(self, annotation: ast.expr, scope: Scope) -> Meaning:
        """An object with this annotation."""
        match annotation:
            case ast.Constant(value=str() as text):
                try:
                    return self.annotated(ast.parse(text, mode="eval").body, scope)
                except SyntaxError:
                    return None
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                parts = [one for one in (left, right) if ast.unparse(one) != "None"]
                return self.annotated(parts[0], scope) if len(parts) == 1 else None
            case ast.Subscript(value=value, slice=inner):
                if self.path(value, scope) in TRANSPARENT:
                    first = inner.elts[0] if isinstance(inner, ast.Tuple) else inner
                    return self.annotated(first, scope)
                whole_numbers = self.path(inner, scope) == "builtins.int"  # their order is steady
                found = self.annotated(value, scope)
                return None if whole_numbers and found == Outside(SET) else found
        meaning = self.of(annotation, scope)
        if isinstance(meaning, Class):
            return Made(meaning)
        if isinstance(meaning, Outside):
            if meaning.path in SET_ANNOTATIONS:
                return Outside(SET)
            return Outside(f"{meaning.path}()")
        return None

    def _imported(self, path: str, near: SourceFile) -> Meaning:
        """Where an imported name leads: into a file in sight, or outside."""
        parts = path.split(".")
        if parts[0] == "perdure":
            return Outside(_public(path))
        for length in range(len(parts), 0, -1):
            source = self._program.module(".".join(parts[:length]), near)
            if source is None:
                continue
            if length == len(parts):
                return Outside(path)
            meaning: Meaning = self._in_module(source, parts[length], path)
            for name in parts[length + 1 :]:
                meaning = self.member(meaning, name, near)
            return meaning
        return Outside(path)

    def _in_module(self, source: SourceFile, name: str, path: str) -> Meaning:
        bindings = source.scope.names.get(name)
        if not bindings:
            return None
        if any(isinstance(each, Imported) and each.path == path for each in bindings):
            return Outside(path)  # a package that imports its own module
        self._depth += 1
        try:
            return None if self._depth >= DEPTH else self._name(name, source.scope)
        finally:
            self._depth -= 1

    def member(self, meaning: Meaning, name: str, near: SourceFile) -> Meaning:
        """What an attribute of it means."""
        match meaning:
            case Outside(path=path):
                longer = f"{path}.{name}"
                return Outside(longer) if "()" in longer else self._imported(longer, near)
            case Made(of=defined) | (Class() as defined):
                found = self._of_class(defined, name)
                if isinstance(found, Function) and found.is_property and found.node.returns:
                    return self.annotated(found.node.returns, found.outer)
                return found
        return None

    def method(self, expression: ast.Attribute, scope: Scope) -> Function | None:
        """The method or property that an attribute reads."""
        meaning = self.of(expression.value, scope)
        found = None
        if isinstance(meaning, Made | Class):
            defined = meaning.of if isinstance(meaning, Made) else meaning
            found = self._of_class(defined, expression.attr)
        return found if isinstance(found, Function) else None

    def _of_class(self, defined: Class, name: str) -> Meaning:
        if name in defined.scope.names:
            return self._name(name, defined.scope)
        if name in defined.attributes:
            found = defined.attributes[name]
            annotated = [each for each in found if isinstance(each[0], Annotated)]
            return self._agreed([self._bound(each, scope) for each, scope in annotated or found])
        for base in defined.node.bases:
            meaning = self.of(base, defined.outer)
            inherited: Meaning = None
            if isinstance(meaning, Class) and meaning is not defined and self._depth < DEPTH:
                self._depth += 1
                inherited = self._of_class(meaning, name)
                self._depth -= 1
            elif isinstance(meaning, Outside):
                inherited = Outside(f"{meaning.path}().{name}")
            if inherited is not None:
                return inherited
        return None

    def _call(self, call: ast.Call, scope: Scope) -> Meaning:
        called = self.of(call.func, scope)
        if isinstance(called, Class):
            return Made(called)
        if isinstance(called, Function):
            returns = called.node.returns
            return self.annotated(returns, called.outer) if returns is not None else None
        if not isinstance(called, Outside):
            return None
        if called.path == "typing.cast" and call.args:
            return self.annotated(call.args[0], scope)
        if called.path in GENERATORS and (call.args or call.keywords):
            return Outside(SEEDED)
        owner, _, name = called.path.rpartition(".")
        if owner in SETS and name in SET_METHODS:
            return Outside(SET)
        return Outside(f"{called.path}()")


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, ast.List | ast.Tuple) and not value.elts


def _public(path: str) -> str:
    """`perdure.activity` for `perdure.sagas.activity.activity`: where it is defined matters not."""
    if path.startswith(
        ("perdure.sagas.", "perdure.infrastructure.composition.", "perdure.domain.")
    ):
        return f"perdure.{path.rpartition('.')[2]}"
    return path
