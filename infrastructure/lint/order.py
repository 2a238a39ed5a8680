"""Rules of bodies on what differs from process to process: the order of sets, hash() and id().

`sorted(a_set)`, `len`, membership and the like do not depend on an order, and are let pass.
"""

import ast
from collections.abc import Iterator

from perdure.infrastructure.lint.meanings import SETS, TASKS, Meanings
from perdure.infrastructure.lint.reach import Part
from perdure.infrastructure.lint.scopes import Scope

# What puts the elements in a row, in the order in which they come.
ROWS = {
    f"builtins.{name}"
    for name in ("list", "tuple", "enumerate", "iter", "reversed", "map", "filter", "zip")
}
ROWS |= {"builtins.str().join", "itertools.chain", "itertools.islice", "collections.deque"}
# What comes out the same in any order.
INDIFFERENT = {
    f"builtins.{name}"
    for name in ("sorted", "set", "frozenset", "sum", "min", "max", "any", "all", "len")
}


def unsteady_order(part: Part, meanings: Meanings) -> Iterator[tuple[ast.AST, str]]:
    """Place and words of what depends on the order of a set."""
    scope = part.function.scope
    spared = set(_spared(part, meanings))
    for node in part.nodes:
        for value in _rows(node, meanings, scope, spared):
            if value not in spared and meanings.is_set(value, scope) and not _whole_numbers(value):
                yield value, f"the set {_shown(value)} is gone through in its own order"
        match node:
            case ast.For(iter=values) if meanings.path(values, scope) == TASKS:
                if any(isinstance(each, ast.Await) for each in ast.walk(node)):
                    yield values, f"{_shown(values)}, a set of tasks, is awaited in its own order"
            case ast.Call(func=ast.Attribute(value=holder, attr="pop"), args=[]):
                if meanings.path(holder, scope) in SETS:
                    yield node, f"{ast.unparse(node)} takes any element of a set"


def hashes(part: Part, meanings: Meanings) -> Iterator[tuple[ast.AST, str]]:
    """Place and words of each hash() and id()."""
    for node in part.nodes:
        if isinstance(node, ast.Call) and len(node.args) == 1:
            path = meanings.path(node.func, part.function.scope)
            if path in ("builtins.hash", "builtins.id"):
                yield node, f"{ast.unparse(node)} is another number in each process"


def _rows(
    node: ast.AST, meanings: Meanings, scope: Scope, spared: set[ast.AST]
) -> Iterator[ast.expr]:
    """What the node goes through in order."""
    match node:
        case ast.For(iter=values) if not _only_cancels(node):
            yield values
        case ast.ListComp(generators=generators) | ast.GeneratorExp(generators=generators):
            if node not in spared:
                yield from (each.iter for each in generators)
        case ast.SetComp(generators=generators) | ast.DictComp(generators=generators):
            if any(isinstance(each, ast.Await) for each in ast.walk(node)):
                yield from (each.iter for each in generators)
        case ast.Starred(value=value, ctx=ast.Load()):
            yield value
        case ast.Call(func=function, args=arguments):
            if meanings.path(function, scope) in ROWS:
                yield from arguments
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
            yield value


def _spared(part: Part, meanings: Meanings) -> Iterator[ast.AST]:
    """Rows that are handed to what comes out the same in any order."""
    for node in part.nodes:
        match node:
            case ast.Call(func=function, args=[first, *_]):
                if meanings.path(function, part.function.scope) in INDIFFERENT:
                    yield first
                    if isinstance(first, ast.Call):
                        yield from first.args
            case ast.Set(elts=elements):
                yield from (each.value for each in elements if isinstance(each, ast.Starred))


def _only_cancels(loop: ast.For) -> bool:
    """`for task in pending: task.cancel()`: the order of that matters to nobody."""
    for statement in loop.body:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="cancel" | "add" | "discard"))):
                continue
        return False
    return True


def _whole_numbers(value: ast.AST) -> bool:
    """A display of whole numbers has the same order everywhere."""
    match value:
        case ast.Set(elts=elements):
            numbers = [each.value for each in elements if isinstance(each, ast.Constant)]
            return len(numbers) == len(elements) and all(type(each) is int for each in numbers)
    return False


def _shown(value: ast.AST) -> str:
    text = ast.unparse(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
