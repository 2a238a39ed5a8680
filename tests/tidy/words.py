"""Names, sizes and texts: no drawers, no notes to self, nothing of one machine, no long files.

`exceptions.py` lists what is longer than the limits; `testing.py` has the tests' own rules.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.tidy.source import Finding, Function, Source, functions

DRAWERS = {
    *(
        "util",
        "utils",
        "utility",
        "utilities",
        "helper",
        "helpers",
        "common",
        "manager",
        "managers",
    ),
    *("misc", "base", "types", "core"),
}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
NOTE_TO_SELF = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# Written so that the patterns do not match this file.
FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w.~:/-])/(?:root|work|home|Users)/\w"),
    "the host of a package registry": re.compile(
        r"py[p]i\.org|pythonhoste[d]\.org|npmj[s]\.org|crate[s]\.io|proxy\.golan[g]\.org"
    ),
}
FILE_LINES = 300
FUNCTION_LINES = 60


def words(name: str) -> set[str]:
    return {word.lower() for word in WORD.findall(name)}


def drawers(source: Source) -> Iterator[Finding]:
    names = [(1, part) for part in source.folders]
    names.append((1, PurePosixPath(source.path).stem))
    if source.path.endswith(".py"):
        classes = (node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))
        names += [(node.lineno, node.name) for node in classes]
    for line, name in names:
        for drawer in sorted(words(name) & DRAWERS):
            yield source.at(line, f"{name!r} has {drawer!r}: name it by the noun that it is")


def twins(source: Source) -> Iterator[Finding]:
    """One async API: no sync twins, hence no names that tell the two apart."""
    for qualified, node in functions(source.tree) if source.is_product else ():
        if node.name.endswith("_async") or node.name.startswith("async_"):
            yield source.at(node, f"{qualified}: there is one API, and it is async")


def notes_to_self(source: Source) -> Iterator[Finding]:
    if not source.is_product:
        return
    for number, line in enumerate(source.text.splitlines(), start=1):
        if NOTE_TO_SELF.search(line):
            yield source.at(number, "a note to self: do it, or file it")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield source.at(node, "what is not there yet fails loudly, with an error of the tree")


def foreign_places(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.text.splitlines(), start=1):
        for what, pattern in FOREIGN.items():
            if pattern.search(line):
                yield source.at(number, f"{what} does not belong into the repository")


def module_docstring(source: Source) -> Iterator[Finding]:
    if not ast.get_docstring(source.tree):
        yield source.at(
            1, "no docstring: what is it, what does it refuse, which neighbour goes on?"
        )


def sizes(source: Source) -> Iterator[tuple[str, int, int]]:
    """What is longer than its limit: name, lines, limit. Decorators are not counted."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield source.path, lines, FILE_LINES
    for qualified, node in functions(source.tree):
        if length(node) > FUNCTION_LINES:
            yield f"{source.path}::{qualified}", length(node), FUNCTION_LINES


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def ratchet(found: dict[str, tuple[int, int]], allowed: dict[str, int]) -> Iterator[Finding]:
    """The list of exceptions only shrinks: a new, a grown and a needless one are findings."""
    for name, (lines, limit) in sorted(found.items()):
        known = allowed.get(name)
        if known is None:
            yield Finding(name, 1, f"{lines} lines, more than {limit}: cut it by its nouns")
        elif lines > known:
            yield Finding(name, 1, f"{lines} lines, and was {known}: an exception never grows")
        elif lines < known:
            yield Finding(name, 1, f"lower its exception from {known} to {lines} lines")
    for name in sorted(allowed.keys() - found.keys()):
        yield Finding(name, 1, "keeps within the limit: take its exception away")
