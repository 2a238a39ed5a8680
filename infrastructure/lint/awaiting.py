"""Rules of bodies on calls: what nobody awaits, and what must not be called there at all.

Which function a call means is told by `meanings`, what it is declared as by `declared`.
"""

import ast
from collections.abc import Iterator

from perdure.infrastructure.lint.declared import Declarations
from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.reach import Part
from perdure.infrastructure.lint.scopes import Function, Value

AWAITABLE = {"asyncio.sleep", "perdure.suspend", "asyncio.wait_for", "asyncio.wait"}
TASKS = {"asyncio.create_task", "asyncio.ensure_future"}
GATHERS = {"asyncio.gather", "asyncio.shield"}


def not_awaited(
    part: Part, meanings: Meanings, declarations: Declarations
) -> Iterator[tuple[ast.AST, str]]:
    """Place and words of each call whose result nobody waits for."""
    scope = part.function.scope
    for node in part.nodes:
        match node:
            case ast.Expr(value=ast.Call() as call):
                told = _dropped(call, part, meanings, declarations)
                if told:
                    yield call, told
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                meaning = meanings.of(call.func, scope)
                if declarations.kind(meaning) == "activity" and not _read(name, part):
                    yield call, f"{name} holds a call of the activity {_name(meaning)} for nobody"


def _dropped(call: ast.Call, part: Part, meanings: Meanings, declarations: Declarations) -> str:
    scope = part.function.scope
    meaning = meanings.of(call.func, scope)
    if declarations.kind(meaning) == "activity":
        return f"the activity {_name(meaning)} is called, and never carried out"
    if isinstance(meaning, Function):
        plain = declarations.kind(meaning) == "plain" and meaning.is_coroutine
        if plain and not _generates(meaning) and not meaning.node.decorator_list:
            return f"the coroutine of {meaning.name} is made, and never run"
        return ""
    path = meanings.path(call.func, scope)
    if path in AWAITABLE:
        return f"{path}() is called, and not awaited"
    if path in TASKS and call.args and isinstance(call.args[0], ast.Call):
        started = meanings.of(call.args[0].func, scope)
        if declarations.kind(started) == "activity":
            return f"the task of {_name(started)} is kept by nobody: it is dropped with the body"
    if path in GATHERS:
        return f"{path}() is called, and not awaited"
    return ""


def wrong_calls(
    part: Part, meanings: Meanings, declarations: Declarations
) -> Iterator[tuple[str, ast.AST, str]]:
    """Code, place and words of calls that bodies cannot make."""
    scope = part.function.scope
    for node in part.nodes:
        if not isinstance(node, ast.Call):
            continue
        meaning = meanings.of(node.func, scope)
        kind = declarations.kind(meaning)
        if kind == "compensation":
            yield "PD114", node, f"the compensation {_name(meaning)} is called"
        elif kind == "workflow":
            yield "PD116", node, f"the workflow {_name(meaning)} is called directly"
        match node.func:
            case ast.Attribute(value=owner, attr="function" | "__wrapped__"):
                declared = meanings.of(owner, scope)
                if declarations.kind(declared) in ("activity", "compensation", "workflow"):
                    yield "PD115", node, f"the plain function of {_name(declared)} is called"


def swallowed(part: Part, meanings: Meanings) -> Iterator[tuple[ast.AST, str]]:
    """Place and words of what catches a dismissal and lets it end there."""
    scope = part.function.scope
    for node in part.nodes:
        match node:
            case ast.ExceptHandler(type=caught):
                bare = caught is None
                if (bare or _catches_all(caught, part, meanings)) and not _raises_again(node):
                    what = "a bare except" if bare else "except BaseException"
                    yield node, f"{what} keeps what it catches"
            case ast.Call(func=function, args=arguments):
                if meanings.path(function, scope) == "contextlib.suppress":
                    if any(_catches_all(each, part, meanings) for each in arguments):
                        yield node, "suppress(BaseException) keeps what it catches"
            case ast.Try(finalbody=last) | ast.TryStar(finalbody=last):
                for statement in last:
                    for inner in _inside(statement):
                        if isinstance(inner, ast.Return):
                            yield inner, "a return in finally keeps whatever is raised"


def _catches_all(caught: ast.expr | None, part: Part, meanings: Meanings) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_catches_all(each, part, meanings) for each in caught.elts)
    return meanings.path(caught, part.function.scope) == "builtins.BaseException"


def _raises_again(handler: ast.ExceptHandler) -> bool:
    for statement in handler.body:
        for node in _inside(statement):
            match node:
                case ast.Raise(exc=None):
                    return True
                case ast.Raise(exc=ast.Name(id=name)) if name == handler.name:
                    return True
    return False


def _inside(statement: ast.AST) -> Iterator[ast.AST]:
    """The statement and what is in it, but for functions and classes."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    yield statement
    for child in ast.iter_child_nodes(statement):
        yield from _inside(child)


def _read(name: str, part: Part) -> bool:
    """Whether the name is used, here or by a function within, or is anybody else's too."""
    bindings = part.function.scope.names.get(name, [])
    if not bindings or not all(isinstance(each, Value) for each in bindings):
        return True
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store)
        for node in ast.walk(part.function.node)
    )


def _generates(function: Function) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in function.nodes())


def _name(meaning: object) -> str:
    return meaning.name if isinstance(meaning, Function) else ""
