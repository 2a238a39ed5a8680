"""What a module may do while it is imported: declare, and nothing else.

Registries are objects that the composition root makes; files, threads, environment variables
are opened, started and read by functions. Ports stay small. `words.py` goes on with names.
"""

import ast
from collections.abc import Iterator

from tests.tidy.layers import is_docstring
from tests.tidy.source import Finding, Function, Source

# What opens, starts, registers, or reads the environment.
WORK = {
    *("open", "print", "os.getenv", "os.environ", "os.getcwd", "pathlib.Path.cwd"),
    *("sqlite3.connect", "sqlalchemy.create_engine", "socket.socket", "threading.Thread"),
    *("signal.signal", "atexit.register", "logging.basicConfig", "asyncio.run"),
    *("asyncio.new_event_loop", "concurrent.futures.ThreadPoolExecutor"),
    *("subprocess.run", "subprocess.Popen", "tempfile.mkdtemp", "tempfile.TemporaryDirectory"),
}
REGISTRIES = {
    *("dict", "list", "set", "collections.defaultdict", "collections.deque"),
    *("weakref.WeakSet", "weakref.WeakKeyDictionary", "weakref.WeakValueDictionary"),
}
CONDITIONS = ("TYPE_CHECKING", "typing.TYPE_CHECKING", "sys.version_info", "sys.platform")
ACTIONS = (ast.For, ast.While, ast.With, ast.Try, ast.Delete)
PORT_METHODS = 8


def work_at_import(source: Source) -> Iterator[Finding]:
    if not source.is_product:
        return
    for statement in _statements_at_import(source.tree.body):
        if isinstance(statement, ast.If):
            if not ast.unparse(statement.test).startswith((*CONDITIONS, "__name__ ==")):
                yield source.at(statement, "a branch at import: modules only declare")
        elif isinstance(statement, ACTIONS):
            yield source.at(statement, "an action at import: modules only declare")
        elif isinstance(statement, ast.Expr) and not is_docstring(statement):
            yield source.at(statement, "a call at import: registries are objects someone makes")
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            if statement.value and _is_registry(source, statement.value):
                yield source.at(statement, "an empty container at import is a global registry")
    for value in _values_at_import(source.tree):
        for part in [] if isinstance(value, ast.Lambda) else ast.walk(value):
            if isinstance(part, ast.Name | ast.Attribute) and source.dotted(part) in WORK:
                yield source.at(part, f"{source.dotted(part)} at import: do it in a function")


def small_ports(source: Source) -> Iterator[Finding]:
    """A new feature adds a port, not methods."""
    for node in ast.walk(source.tree) if source.is_product else ():
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(b) for b in node.bases):
            methods = [item for item in node.body if isinstance(item, Function)]
            if len(methods) > PORT_METHODS:
                message = f"port {node.name} has {len(methods)} methods, more than {PORT_METHODS}"
                yield source.at(node, message)


def _statements_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and not ast.unparse(statement.test).startswith("__name__"):
            yield from _statements_at_import([*statement.body, *statement.orelse])


def _values_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Values of assignments in modules and classes, decorators, and default arguments."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield from node.decorator_list
            yield from node.args.defaults
            yield from filter(None, node.args.kw_defaults)
        elif isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
                    yield statement.value


def _is_registry(source: Source, value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Dict):
        return not (value.elts if isinstance(value, ast.List) else value.keys)
    if not isinstance(value, ast.Call) or source.dotted(value.func) not in REGISTRIES:
        return False
    return not value.args or source.dotted(value.func) == "collections.defaultdict"
