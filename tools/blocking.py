"""Writes infrastructure/blocking.py from the async client: `python -m tools.blocking`.

Each public method of Client and Handle becomes one that waits, with the same signature and text. A
test tells when the file is stale.
"""

import ast
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATH = ROOT / "infrastructure/blocking.py"

HEAD = '''"""The client for callers without an event loop: Django, Flask, scripts, a shell.

Written by `python -m tools.blocking` from perdure.sagas.client and perdure.sagas.handle; change it
there. Everything is done by one async client in a thread of its own: see portal.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, overload

from perdure.domain.journal import ENDED_STATES
from perdure.domain.states import State
from perdure.infrastructure.keys import KeyRing
from perdure.infrastructure.portal import Portal
from perdure.sagas.handle import Handle as AnyHandle
from perdure.sagas.history import HistoryEvent
from perdure.sagas.resolving import PlannedUndo
from perdure.sagas.workflow import Workflow

Q = TypeVar("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


def connect(
    url: str, *, reply_timeout: float | None = None, keys: KeyRing | None = None
) -> "Client":
    """A client of the journal at this address; see perdure.connect. Any threads may share it.

    It is connected when this returns, until `close`, or the end of its `with`. Not for use where an
    event loop runs, nor in a child process of the one that connected.

    >>> with perdure.blocking.connect("sqlite:///payments.db") as client:
    ...     tracking_id = client.execute(process_payment, request, timeout=30)
    """
    return Client(Portal(url, reply_timeout, keys))
'''

CLIENT = '''
class Client:
    """Orders and answers over a journal's mailbox; see perdure.Client. Made by `connect`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._client = portal.client
'''

CLIENT_END = '''
    def close(self) -> None:
        """Posts what was ordered, and lets go of the journal. Idempotent."""
        self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
'''

HANDLE = '''
class Handle(Generic[R_co]):
    """One execution by its id; see perdure.Handle."""

    __slots__ = ("_handle", "_portal", "id")

    def __init__(self, handle: AnyHandle[R_co], portal: Portal) -> None:
        self.id = handle.id
        self._handle = handle
        self._portal = portal
'''

HANDLE_END = """
    def __repr__(self) -> str:
        return f"<Handle of {self.id}>"
"""


def text() -> str:
    """The module, formatted as all code here."""
    parts = [HEAD, "", HANDLE, *methods("sagas/handle.py", "Handle", "_handle"), HANDLE_END]
    parts += ["", CLIENT, *methods("sagas/client.py", "Client", "_client"), CLIENT_END]
    done = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "format", f"--stdin-filename={PATH}", "-"],
        input="\n".join(parts),
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


def methods(path: str, name: str, target: str) -> Iterator[str]:
    """The public methods of the class, each as one that waits."""
    tree = ast.parse((ROOT / path).read_text())
    [found] = [each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == name]
    for node in found.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not node.name.startswith("_") and node.name != "close":
            yield textwrap.indent(method(node, target), "    ")


def method(node: ast.FunctionDef | ast.AsyncFunctionDef, target: str) -> str:
    assert node.returns is not None
    returned = ast.unparse(node.returns)
    head = f"def {node.name}({ast.unparse(node.args)}) -> {returned}:"
    if node.decorator_list:  # an overload
        return f"@overload\n{head} ..."
    call = f"self.{target}.{node.name}({arguments(node.args)})"
    if isinstance(node, ast.AsyncFunctionDef):
        call = f"self._portal.run({call})"
    if returned.startswith("Handle["):
        call = f"Handle({call}, self._portal)"
    told = ast.get_docstring(node) or ""
    told = told.replace("await ", "").replace("async with", "with")
    body = f'"""{told}\n"""' if "\n" in told else f'"""{told}"""'
    return f"{head}\n{textwrap.indent(body, '    ')}\n    return {call}\n"


def arguments(given: ast.arguments) -> str:
    """The same arguments, handed on."""
    assert given.vararg is None
    assert given.kwarg is None
    names = [each.arg for each in (*given.posonlyargs, *given.args)][1:]
    return ", ".join([*names, *(f"{each.arg}={each.arg}" for each in given.kwonlyargs)])


def main() -> None:
    PATH.write_text(text())
    print("infrastructure/blocking.py")


if __name__ == "__main__":
    main()
