"""Rules of bodies on the world outside: clock, randomness, ids, files, network, threads, output.

Judges calls by the names in `outside_names`. State within the process is `state`'s matter.
"""

import ast
from collections.abc import Iterator

from perdure.infrastructure.lint import fields
from perdure.infrastructure.lint import outside_names as names
from perdure.infrastructure.lint.findings import Finding
from perdure.infrastructure.lint.meanings import Meanings
from perdure.infrastructure.lint.reach import Part
from perdure.infrastructure.lint.scopes import Class, Function

DRAWN = ("PD101", "PD102", "PD103")
TOLD = {
    "PD101": "reads the clock",
    "PD102": "draws randomness",
    "PD103": "makes a random id",
    "PD104": "reads or writes the outside world",
    "PD105": "reads the environment",
    "PD106": "starts or enters a thread, process or loop",
    "PD107": "blocks the whole process",
    "PD108": "writes again in each replay",
    "PD116": "is an engine's or client's, and not recorded",
}


def outside_world(part: Part, meanings: Meanings) -> Iterator[tuple[str, ast.AST, str]]:
    """Code, place and words of what a body must not reach."""
    quiet = set(_where_not_replaying(part, meanings))
    scope = part.function.scope
    for node in part.nodes:
        if isinstance(node, ast.Call):
            yield from _filled(node, meanings, part)
            path = meanings.path(node.func, scope)
            code = "PD106" if _enters_executor(node, meanings, part) else _code(path, node)
            if code and not (code == "PD108" and node in quiet):
                yield code, node, f"{_shown(node.func)}() {part.where} {TOLD[code]}"
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            if meanings.path(node, scope) in names.ENVIRONMENT:
                yield "PD105", node, f"{ast.unparse(node)} {part.where} {TOLD['PD105']}"


def findings(part: Part, meanings: Meanings, fixes: dict[str, str]) -> Iterator[Finding]:
    """One for each code and line: a chain of calls is one mistake."""
    seen: set[tuple[str, int]] = set()
    for code, node, what in outside_world(part, meanings):
        line = getattr(node, "lineno", 0)
        if (code, line) not in seen:
            seen.add((code, line))
            yield part.finding(code, node, what, fixes[code])


def _filled(call: ast.Call, meanings: Meanings, part: Part) -> Iterator[tuple[str, ast.AST, str]]:
    """Fields that a class in sight fills by itself when an object of it is made."""
    made = meanings.of(call.func, part.function.scope)
    given = {each.arg for each in call.keywords}
    if not isinstance(made, Class) or call.args or None in given:
        return
    for field, factory, scope in fields.factories(made, meanings):
        calls = (
            ast.walk(factory.body)
            if isinstance(factory, ast.Lambda)
            else [ast.Call(factory, [], [])]
        )
        for each in calls:
            if field not in given and isinstance(each, ast.Call):
                code = _code(meanings.path(each.func, scope), each)
                if code in DRAWN:
                    by = f"fills {field} by {_shown(each.func)}(), which {TOLD[code]}"
                    yield code, call, f"{_shown(call.func)}() {part.where} {by}"


def _code(path: str, call: ast.Call) -> str:
    if path in names.CLOCK or (path in names.CLOCK_WITHOUT_ARGUMENT and not call.args):
        return "PD101"
    if path == "time.strftime" and len(call.args) == 1:
        return "PD101"
    if path in names.IDENTIFIERS:
        return "PD103"
    if path in names.RANDOMNESS or names.below(path, names.RANDOMNESS_BELOW):
        seeded = path in ("random.Random", "numpy.random.default_rng", "numpy.random.RandomState")
        return "" if seeded and (call.args or call.keywords) else "PD102"
    if path == "time.sleep":
        return "PD107"
    if path in names.ENVIRONMENT_CALLS:
        return "PD105"
    if path in names.THREADS or names.below(path, names.THREADS_BELOW):
        return "PD106"
    if path in names.OUTPUT:
        return "PD108"
    if path.startswith(names.OUTPUT_BELOW):
        return "PD108" if path.rpartition(".")[2] in names.OUTPUT_METHODS else ""
    if path in names.ENGINES or names.below(path, names.ENGINES_BELOW):
        return "PD116"
    if names.path_method(path) in names.PATH_READS | names.PATH_WRITES:
        return "PD104"
    if path in names.INPUT_OUTPUT or names.below(path, names.INPUT_OUTPUT_BELOW):
        return "PD104"
    return ""


def _enters_executor(call: ast.Call, meanings: Meanings, part: Part) -> bool:
    """Clear from the name of the method alone, whatever loop it is of."""
    named = isinstance(call.func, ast.Attribute) and call.func.attr == "run_in_executor"
    return named and not isinstance(meanings.of(call.func, part.function.scope), Function)


def _shown(function: ast.expr) -> str:
    text = ast.unparse(function)
    return text if len(text) <= 60 else f"…{text[-59:]}"


def _where_not_replaying(part: Part, meanings: Meanings) -> Iterator[ast.AST]:
    """What stands under `if not is_replaying():` may print."""
    for node in part.nodes:
        match node:
            case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=asked))):
                if meanings.path(asked, part.function.scope) == "perdure.is_replaying":
                    for statement in node.body:
                        yield from ast.walk(statement)
