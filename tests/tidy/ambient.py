"""Time, randomness, ids and sleep come from ports; data is never run; nothing is swallowed.

Each rule looks names up through the imports of the file, so an alias is no way around it.
`declarations.py` goes on with what may stand at module level.
"""

import ast
from collections.abc import Iterable, Iterator, Sequence

from tests.tidy.layers import imported
from tests.tidy.source import Finding, Source

# The adapters of clock, randomness, ids and sleep; and the demo, whose shop is a world of its own
# beside the product, as unruly as a real one.
ADAPTERS = ("infrastructure/clock.py", "infrastructure/randomness.py", "infrastructure/demo/")

CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
AMBIENT = {
    *(f"time.{clock}{unit}" for clock in CLOCKS for unit in ("", "_ns")),
    *("time.sleep", "time.localtime", "time.gmtime", "asyncio.sleep", "anyio.sleep"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.date.today", "os.urandom", "os.getrandom"),
    *(f"uuid.uuid{version}" for version in (1, 4, 6, 7)),
}
AMBIENT_MODULES = {"random", "secrets"}

UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
UNSAFE_CALLS = {"eval", "exec", "yaml.load", "yaml.unsafe_load", "os.system"}

BACKENDS = {"sqlite", "postgres", "postgresql", "memory"}
BACKEND_WORDS = {"backend", "dialect", "driver", "drivername"}


def ambient_sources(source: Source) -> Iterator[Finding]:
    if source.layer is None or source.path.startswith(ADAPTERS):
        return
    named: list[tuple[ast.AST, str]] = [
        (node, source.dotted(node))
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
    ]
    for node, name in [*imported(source), *named]:
        taken_from = name.partition(".")[0] if isinstance(node, ast.Import | ast.ImportFrom) else ""
        if name in AMBIENT or taken_from in AMBIENT_MODULES:
            yield source.at(node, f"{name} outside its adapter: take a port as an argument")


def unsafe_code(source: Source) -> Iterator[Finding]:
    for node, name in imported(source):
        if name.partition(".")[0] in UNSAFE_MODULES:
            yield source.at(node, f"{name}: what a journal holds is data, never code")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and source.dotted(node.func) in UNSAFE_CALLS:
            yield source.at(node, f"{source.dotted(node.func)}: data is never run")


def swallowed_errors(source: Source) -> Iterator[Finding]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and all(map(_says_nothing, node.body)):
            yield source.at(node, "an error is swallowed: handle it, or let it through")
        elif isinstance(node, ast.Call) and source.dotted(node.func) == "contextlib.suppress":
            if {"Exception", "BaseException"} & set(map(source.dotted, node.args)):
                yield source.at(node, "suppress names the one error that is harmless here")


def backend_forks(source: Source) -> Iterator[Finding]:
    """A difference of backends is a method of the backend, or a capability that it declares."""
    if not source.is_product:
        return
    for node in ast.walk(source.tree):
        cases: Sequence[ast.AST]
        if isinstance(node, ast.Compare):
            subject, cases = node.left, [node]
        elif isinstance(node, ast.Match):
            subject, cases = node.subject, [case.pattern for case in node.cases]
        else:
            continue
        words = set(source.dotted(subject).lower().replace("_", ".").split("."))
        texts = set(_texts(cases))
        inner = source.layer in {"domain", "sagas", "projections"}
        if (words & BACKEND_WORDS and texts) or (inner and texts & BACKENDS):
            yield source.at(node, "a fork by backend: make it a method of the backend")


def _texts(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def _says_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
