"""Rules for the tests: all run, none sleeps, each asserts, citations of behaviours are real.

A citation is a comment above a test or inside it: `# behaviour 22`, `# behaviours 1, 2`, and so
`# invariant I9`, `# invariants I1-I7`.
`exceptions.py` goes on with the breaches that are known.
"""

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator

from tests.tidy.source import Finding, Function, Source, functions

BEHAVIOURS = range(1, 92)
INVARIANTS = range(1, 18)
NUMBERS = r"s?\s+(I?\d+(?:\s*(?:,|and|-)\s*I?\d+)*)"
BEHAVIOUR = re.compile(rf"[#;]\s*behaviour{NUMBERS}", re.IGNORECASE)
INVARIANT = re.compile(rf"[#;]\s*invariant{NUMBERS}", re.IGNORECASE)
PARKED = {"skip", "skipif", "xfail", "importorskip", "skipTest", "skipIf", "skipUnless"}
ASSERTING = ("assert", "check", "expect", "verify")
RAISES = {"pytest.raises", "pytest.warns", "pytest.deprecated_call"}
SLEEPS = {"time.sleep", "anyio.sleep"}


def parked_tests(source: Source) -> Iterator[Finding]:
    for node in ast.walk(source.tree) if source.is_test else ():
        name = source.dotted(node)
        if name.startswith(("pytest.", "unittest.", "self.")) and name.rpartition(".")[2] in PARKED:
            yield source.at(node, f"{name}: a parked test is no test; mend it or take it away")


def sleeping_tests(source: Source) -> Iterator[Finding]:
    """Tests wait on a signal. `asyncio.sleep` stays free where it is a workflow's timer."""
    if not source.is_test:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and source.dotted(node.func) in SLEEPS:
            yield source.at(node, "a test sleeps: use the virtual clock, or wait on a signal")
    for qualified, function in functions(source.tree):
        if not (is_test(qualified) or _is_fixture(source, function)):
            continue
        for node in _own_nodes(function):
            if isinstance(node, ast.Call) and source.dotted(node.func) == "asyncio.sleep":
                if ast.unparse(node.args[0]) != "0":
                    yield source.at(node, f"{qualified} sleeps: wait on a signal with a deadline")


def idle_tests(source: Source) -> Iterator[Finding]:
    """A test asserts, expects an error, or calls what does so (by its name, or seen here).

    given(...).when(...).then(...) does.
    """
    if not is_test_file(source):
        return
    found = dict(functions(source.tree))
    asserting = {name for name, node in found.items() if _asserts(source, node, set())}
    known = {name.rpartition(".")[2] for name in asserting}
    for name, node in found.items():
        if is_test(name) and not _asserts(source, node, known):
            yield source.at(node, f"{name} asserts nothing")


def citations(
    source: Source, cited: re.Pattern[str] = BEHAVIOUR
) -> Iterator[tuple[int, int, str | None]]:
    """Number, line, and the collected test that the citation stands in or right above."""
    tests = [(_first_line(node), node, name) for name, node in functions(source.tree)]
    comments = dict(_comments(source))
    for number, comment in comments.items():
        below = next(line for line in itertools.count(number + 1) if line not in comments)
        names = (
            name
            for first, node, name in tests
            if is_test(name) and (first == below or first <= number <= (node.end_lineno or first))
        )
        test = next(names, None) if is_test_file(source) else None
        for found in cited.finditer(comment):
            for behaviour in _numbers(found[1]):
                yield behaviour, number, test


def stray_citations(source: Source) -> Iterator[Finding]:
    kinds = (("behaviour ", BEHAVIOUR, BEHAVIOURS), ("invariant I", INVARIANT, INVARIANTS))
    for word, pattern, numbers in kinds if source.is_test else ():
        for number, line, test in citations(source, pattern):
            if number not in numbers:
                yield source.at(line, f"there is no {word}{number}")
            elif test is None:
                yield source.at(line, f"{word}{number} is cited where no test is collected")


def is_test_file(source: Source) -> bool:
    return source.is_test and source.path.rpartition("/")[2].startswith("test_")


def is_test(qualified: str) -> bool:
    """What pytest collects: test functions, and test methods of Test classes."""
    *owners, name = qualified.split(".")
    return name.startswith("test_") and all(owner.startswith("Test") for owner in owners)


def _asserts(source: Source, function: Function, known: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = source.dotted(node.func)
            last = name.rpartition(".")[2]
            sentence = isinstance(node.func, ast.Attribute) and node.func.attr == "then"
            if sentence or name in RAISES or last in known or last.startswith(ASSERTING):
                return True
    return False


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _is_fixture(source: Source, function: Function) -> bool:
    decorators = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any(source.dotted(decorator) == "pytest.fixture" for decorator in decorators)


def _first_line(function: Function) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def _comments(source: Source) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _numbers(text: str) -> Iterator[int]:
    for part in re.split(r"\s*(?:,|and)\s*", text):
        first, _, last = part.replace("I", "").replace("i", "").partition("-")
        yield from range(int(first), int(last or first) + 1)
