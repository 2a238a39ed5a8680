"""Scopes: what each name of a file is bound to, by imports, definitions, assignments, parameters.

Built once for a file, from its syntax tree. What a name means is `meanings`' matter.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from perdure.infrastructure.lint.source import SourceFile

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Nested = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """By an import; `path` is the whole dotted name."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """By an assignment, or as the target of a `with`. `part`: one of several targets."""

    expression: ast.expr
    part: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """By an annotation: a parameter, a field, a variable."""

    annotation: ast.expr


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """By what says nothing of the value: a loop, a parameter without annotation, `except`."""


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a module, a class or a function."""

    kind: Literal["module", "class", "function"]
    source: "SourceFile"
    outer: "Scope | None" = None
    names: "dict[str, list[Binding]]" = field(default_factory=dict)
    module_names: set[str] = field(default_factory=set)  # declared `global`
    within: "Class | None" = None  # of a method: its class

    def bind(self, name: str, binding: "Binding") -> None:
        self.names.setdefault(name, []).append(binding)

    @property
    def module(self) -> "Scope":
        return self if self.outer is None else self.outer.module

    def owner(self, name: str) -> "Scope | None":
        """The scope that a name is looked up in; None for builtins and unknown ones."""
        if name in self.module_names:
            return self.module if name in self.module.names else None
        if name in self.names:
            return self
        around = self.outer
        while around is not None:
            if name in around.names and around.kind != "class":
                return around
            around = around.outer
        return None


@dataclass(slots=True, eq=False)
class Class:
    """A class that the code defines. `attributes`: what its methods assign to `self`."""

    node: ast.ClassDef
    scope: Scope
    outer: Scope
    attributes: dict[str, list[tuple[Value | Annotated, Scope]]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Function:
    """A function that the code defines; `within` is the class whose method it is."""

    node: FunctionNode
    scope: Scope
    outer: Scope
    within: Class | None = None

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def source(self) -> "SourceFile":
        return self.scope.source

    @property
    def is_coroutine(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_property(self) -> bool:
        names = (ast.unparse(each).rpartition(".")[2] for each in self.node.decorator_list)
        return any(name in ("property", "cached_property", "computed_field") for name in names)

    def nodes(self) -> Iterator[ast.AST]:
        """What runs when it is called: its body without the functions and classes in it."""
        waiting: list[ast.AST] = list(reversed(self.node.body))
        while waiting:
            node = waiting.pop()
            if not isinstance(node, Nested):
                yield node
                waiting += reversed(list(ast.iter_child_nodes(node)))


Binding = Imported | Value | Annotated | Opaque | Class | Function


class ScopeBuilder(ast.NodeVisitor):
    """Walks a file once, and notes every binding."""

    def __init__(self, source: "SourceFile") -> None:
        self.functions: list[Function] = []
        self.module = Scope("module", source)
        self._scope = self.module
        self._within: Class | None = None

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.asname:
                self._scope.bind(each.asname, Imported(each.name))
            else:
                root = each.name.partition(".")[0]
                self._scope.bind(root, Imported(root))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        package = self._scope.source.package_of(node.level)
        origin = ".".join(part for part in (package, node.module) if part)
        for each in node.names:
            self._scope.bind(each.asname or each.name, Imported(f"{origin}.{each.name}"))

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        within = self._within if self._scope.kind == "class" else None
        scope = Scope("function", self._scope.source, self._scope, within=within)
        function = Function(node, scope, self._scope, within)
        self.functions.append(function)
        self._scope.bind(node.name, function)
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for each in every:
            scope.bind(each.arg, Annotated(each.annotation) if each.annotation else Opaque())
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                scope.bind(rest.arg, Opaque())
        self._inside(scope, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (as NodeVisitor calls it)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        scope = Scope("class", self._scope.source, self._scope)
        defined = Class(node, scope, self._scope)
        self._scope.bind(node.name, defined)
        around, self._within = self._within, defined
        self._inside(scope, node.body)
        self._within = around

    def _inside(self, scope: Scope, body: list[ast.stmt]) -> None:
        around, self._scope = self._scope, scope
        for statement in body:
            self.visit(statement)
        self._scope = around

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for each in ast.walk(node.args):
            if isinstance(each, ast.arg):
                self._scope.bind(each.arg, Opaque())
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self._scope.module_names.update(node.names)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._target(target, node.value)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._scope.bind(node.target.id, Annotated(node.annotation))
        else:
            self._attribute(node.target, Annotated(node.annotation))
        if node.value is not None:
            self.visit(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._target(node.target, node.value)
        self.visit(node.value)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._target(node.optional_vars, node.context_expr)
        self.visit(node.context_expr)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._scope.bind(node.name, Opaque())
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self._scope.bind(node.name, Opaque())
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs  # noqa: N815 (as NodeVisitor calls it)

    def visit_Name(self, node: ast.Name) -> None:
        """A target that nothing above took: of a loop, a comprehension, an unpacking."""
        if isinstance(node.ctx, ast.Store) and node.id not in self._scope.names:
            self._scope.bind(node.id, Opaque())

    def _target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._scope.bind(target.id, Value(value))
        elif isinstance(target, ast.Tuple | ast.List):
            for number, each in enumerate(target.elts):
                if isinstance(each, ast.Name):
                    self._scope.bind(each.id, Value(value, number))
                else:
                    self.visit(each)
        else:
            self._attribute(target, Value(value))
            self.visit(target)

    def _attribute(self, target: ast.expr, binding: Value | Annotated) -> None:
        within = self._scope.within
        match target:
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if within is not None:
                within.attributes.setdefault(name, []).append((binding, self._scope))
