"""What an activity's code does to the world outside: HTTP, SQL, mail, files, calls of clients.

Follows its helpers. Reads and calculations are no effects; nor is what stays in this process, so
that a fake in memory is none.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from perdure.infrastructure.lint import outside_names as names
from perdure.infrastructure.lint.reach import Part, Reach
from perdure.infrastructure.lint.scopes import Function, Imported, Scope, Value

SQL_WRITE = re.compile(r"\s*(insert|update|delete|merge|replace)\b", re.IGNORECASE)
SQL_CALLS = {"execute", "executemany", "executescript", "exec_driver_sql", "fetch", "fetchrow"}
SQL_BUILDERS = tuple(
    f"sqlalchemy.{module}{verb}()"
    for module in ("", "dialects.postgresql.", "dialects.sqlite.")
    for verb in ("insert", "update", "delete")
)
SESSION_WRITES = {"add", "add_all", "merge", "delete", "bulk_save_objects"}
HTTP_WRITES = {"post", "put", "patch", "delete"}
FILE_WRITES = {
    *("os.remove", "os.unlink", "os.rename", "os.replace", "os.mkdir", "os.makedirs", "os.rmdir"),
    *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move"),
    "shutil.rmtree",
}
MAIL_CALLS = {"aiosmtplib.send", "send_message", "sendmail"}
# Verbs by which clients of services change something; as the first word of a method's name.
PAYING = {"charge", "capture", "pay", "payout", "transfer", "purchase", "create"}
WRITING = PAYING | {
    *("book", "reserve", "ship", "send", "publish", "upload", "submit", "notify", "refund"),
    *("issue", "cancel", "confirm", "register", "order", "insert", "delete", "put"),
}
# Libraries whose `create` and `send` stay in this process.
PURE = {"perdure", "pydantic", "pydantic_core", "sqlalchemy", "numpy", "pandas", "attr", "attrs"}
PURE |= {"typer", "rich", "pytest", "hypothesis", "builtins", "anyio", "trio"}
KEY_WORDS = re.compile(r"idempot", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Effect:
    """One place where the outside world is changed. `paying`: twice would be one too many."""

    node: ast.AST
    function: Function
    what: str
    paying: bool


class Effects:
    """Looks at the code of activities."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._meanings = reach.meanings
        self._known: dict[Function, list[Effect]] = {}

    def of(self, activity: Function) -> list[Effect]:
        if activity not in self._known:
            self._known[activity] = [
                effect for part in self._reach.parts(activity) for effect in self._in(part)
            ]
        return self._known[activity]

    def knows_itself(self, function: Function) -> bool:
        """Whether it asks for its key or what it undoes, or calls what is not in sight and might.

        A library that is not in sight does not ask; an object of which nothing is known may.
        """
        for part in self._reach.parts(function):
            scope = part.function.scope
            for node in part.nodes:
                if isinstance(node, ast.Name | ast.Attribute):
                    if self._meanings.path(node, scope) == "perdure.current_activity":
                        return True
                if isinstance(node, ast.keyword) and KEY_WORDS.search(node.arg or ""):
                    return True
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    if KEY_WORDS.search(node.value) and not _is_docstring(node, part.function):
                        return True
                if isinstance(node, ast.Call) and self._meanings.of(node.func, scope) is None:
                    if not _of_local(node.func, scope):
                        return True
        return False

    def _in(self, part: Part) -> Iterator[Effect]:
        scope = part.function.scope
        for node in part.nodes:
            if isinstance(node, ast.Call):
                what = self._effect(node, scope)
                if what:
                    yield Effect(node, part.function, what, self._pays(node, scope))

    def _effect(self, call: ast.Call, scope: Scope) -> str:
        path = self._meanings.path(call.func, scope)
        shown = f"{ast.unparse(call.func)}()"
        verb = path.rpartition(".")[2]
        if names.over_http(path):
            method = _text(call.args[0]).lower() if verb == "request" and call.args else verb
            return f"{shown} writes over HTTP" if method in HTTP_WRITES else ""
        session = path.startswith(names.SQL_SESSIONS) and verb in SESSION_WRITES
        if session or self._writes_sql(call, scope):
            return f"{shown} writes to a database"
        if path in FILE_WRITES or names.path_method(path) in names.PATH_WRITES:
            return f"{shown} writes files"
        if path in ("builtins.open", "io.open", "aiofiles.open") and _writes(call, 1):
            return f"{shown} writes a file"
        if names.path_method(path) == "open" and _writes(call, 0):
            return f"{shown} writes a file"
        if path == "aiosmtplib.send" or (path.startswith("smtplib.") and verb in MAIL_CALLS):
            return f"{shown} sends mail"
        if self._by_a_client(call, path, scope) in WRITING:
            return f"{shown} orders something from a service"
        return ""

    def _writes_sql(self, call: ast.Call, scope: Scope) -> bool:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in SQL_CALLS:
            return False
        if not call.args:
            return False
        value, where = self._meanings.value_of(call.args[0], scope)
        if self._meanings.path(value, where).startswith(SQL_BUILDERS):
            return True
        if isinstance(value, ast.Call) and value.args:  # text("insert ...")
            value = value.args[0]
        return SQL_WRITE.match(_text(value)) is not None

    def _by_a_client(self, call: ast.Call, path: str, scope: Scope) -> str:
        """The verb of a call of an object that the module holds and that is not in sight."""
        if not isinstance(call.func, ast.Attribute):
            return ""
        verb = call.func.attr.partition("_")[0]
        if path:
            root = path.partition(".")[0]
            return "" if root in PURE or root in sys.stdlib_module_names else verb
        if self._meanings.of(call.func, scope) is not None:
            return ""
        holder: ast.expr = call.func.value
        while isinstance(holder, ast.Attribute):
            holder = holder.value
        if not isinstance(holder, ast.Name):
            return ""
        owner = scope.owner(holder.id)
        if owner is None or owner.kind != "module":
            return ""
        kinds = (Imported, Value)
        held = all(isinstance(each, kinds) for each in owner.names[holder.id])
        return verb if held and self._meanings.of(holder, scope) is None else ""

    def _pays(self, call: ast.Call, scope: Scope) -> bool:
        path = self._meanings.path(call.func, scope)
        verb = path.rpartition(".")[2]
        if names.over_http(path):
            method = _text(call.args[0]).lower() if verb == "request" and call.args else verb
            return method == "post"
        return self._by_a_client(call, path, scope) in PAYING


def _writes(call: ast.Call, position: int) -> bool:
    mode = next((each.value for each in call.keywords if each.arg == "mode"), None)
    if mode is None and len(call.args) > position:
        mode = call.args[position]
    return mode is not None and any(letter in _text(mode) for letter in "wax+")


def _text(value: ast.AST) -> str:
    """The text of a string, or the beginning of an f-string."""
    match value:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=[first, *_]):
            return _text(first)
    return ""


def _of_local(called: ast.expr, scope: Scope) -> bool:
    """Whether it is a method of a local value: data, that asks for nothing."""
    while isinstance(called, ast.Attribute | ast.Subscript | ast.Call | ast.Await):
        called = called.func if isinstance(called, ast.Call) else called.value
    if not isinstance(called, ast.Name) or called.id == "self":
        return isinstance(called, ast.Constant)
    owner = scope.owner(called.id)
    return owner is not None and owner.kind == "function"


def _is_docstring(node: ast.Constant, function: Function) -> bool:
    first = function.node.body[0]
    return isinstance(first, ast.Expr) and first.value is node
