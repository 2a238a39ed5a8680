"""Arrows point left only: domain ← sagas, projections ← infrastructure.

Also: imports carry the `perdure.` prefix, the inner layers know no driver, `src/perdure` has no
logic. Read on in `ambient.py` for what the layers may not reach without an import of ours.
"""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.tidy.source import FACE, LAYERS, Finding, Source

MAY_IMPORT = {
    "domain": {"domain"},
    "sagas": {"domain", "sagas"},
    "projections": {"domain", "projections"},
}
# What only the infrastructure talks to.
OUTSIDE = {
    *("eventsourcing", "httpx", "multiprocessing", "psycopg", "rich", "signal", "socket"),
    *("sqlalchemy", "sqlite3", "starlette", "subprocess", "typer", "uvicorn"),
}
# The domain waits for nothing.
OUTSIDE_DOMAIN = OUTSIDE | {"asyncio", "threading", "concurrent", "anyio"}


def imported(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Each import, also inside functions, as an absolute dotted name down to what is taken."""
    package = ("perdure", *source.folders) if source.layer else source.folders
    if source.is_face:
        package = source.folders[1:]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node, name.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            for name in node.names:
                yield node, f"{module}.{name.name}"


def layer_arrows(source: Source) -> Iterator[Finding]:
    if source.layer not in MAY_IMPORT:
        return
    outside = OUTSIDE_DOMAIN if source.layer == "domain" else OUTSIDE
    for node, name in imported(source):
        first, _, rest = name.partition(".")
        if first == "perdure":
            target = rest.partition(".")[0]
            if target not in MAY_IMPORT[source.layer]:
                yield source.at(node, f"{source.layer} imports {name}: an arrow to the right")
        elif first in outside:
            yield source.at(node, f"{source.layer} imports {first}: put a port before it")


def prefixed_imports(source: Source) -> Iterator[Finding]:
    """`import domain` works from the root, and makes a second copy of every class."""
    for node, name in imported(source):
        if name.partition(".")[0] in LAYERS:
            yield source.at(node, f"import perdure.{name}, not {name}")


def face_without_logic(source: Source) -> Iterator[Finding]:
    """Files of src/perdure hold a docstring, imports, `__all__` and `__version__`."""
    if not source.is_face:
        return
    for node in source.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or is_docstring(node):
            continue
        if isinstance(node, ast.Assign) and _assigns_literal(node):
            continue
        yield source.at(node, f"logic in {FACE}: it belongs into a layer")


def is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _assigns_literal(node: ast.Assign) -> bool:
    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    calls = any(isinstance(part, ast.Call) for part in ast.walk(node.value))
    return names <= {"__all__", "__version__"} and bool(names) and not calls


def broken_links(links: dict[str, str | None]) -> Iterator[Finding]:
    """`links` maps each layer to what src/perdure/<layer> points at, None if it is no link."""
    for layer in LAYERS:
        wanted = PurePosixPath("../..", layer).as_posix()
        if links.get(layer) != wanted:
            message = f"is no link to {wanted} (on a file system without links nothing works)"
            yield Finding(f"{FACE}/{layer}", 1, message)
