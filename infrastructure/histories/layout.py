"""JSON laid out for people, and back: every token stays as it is, only the blanks between change.

A parser of values would write 1e16 as 1e+16, and a history would not be what was recorded. Meaning
is `document`'s matter.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

WIDTH = 100  # what fits stays on one line
DEEPEST = 60  # below that all is on one line: nobody reads there
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
BLANKS = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
CLOSING = {"[": "]", "{": "}"}

Node: TypeAlias = "str | Group"


class Group:
    """An array or an object: each item is one node, or a key, a colon and a node."""

    __slots__ = ("items", "opening")

    def __init__(self, opening: str) -> None:
        self.opening = opening
        self.items: list[list[Node]] = []

    @property
    def closing(self) -> str:
        return CLOSING[self.opening]


def laid_out(text: str) -> str:
    """Compact JSON, which has to be right, over as many lines as are good to read."""
    (item,) = grouped(text).items
    return "\n".join(lines(item, 0)) + "\n"


def compact(text: str) -> str:
    """Without blanks between the tokens."""
    return BLANKS.sub(lambda found: found[1] or "", text)


def grouped(text: str) -> Group:
    """The tokens as a tree, in a group of their own; not by recursion: payloads may be deep."""
    whole = Group("[")
    whole.items.append([])
    open_groups = [whole]
    for token in TOKEN.findall(text):
        inner = open_groups[-1]
        if token in CLOSING:
            fresh = Group(token)
            if not inner.items:
                inner.items.append([])
            inner.items[-1].append(fresh)
            open_groups.append(fresh)
        elif token in ("]", "}"):
            open_groups.pop()
        elif token == ",":
            inner.items.append([])
        else:
            if not inner.items:
                inner.items.append([])
            inner.items[-1].append(token)
    return whole


def lines(item: list[Node], depth: int) -> Iterator[str]:
    """One item over one line or several, indented as the first one will be."""
    *key, value = item
    head = "".join("" if part == ":" else f"{part}: " for part in key)
    if isinstance(value, str):
        yield head + value
        return
    single = on_one_line(value, WIDTH - 2 * depth - len(head))
    if single is not None or depth >= DEEPEST:
        yield head + (single or on_one_line(value, None) or "")
        return
    yield head + value.opening
    for number, each in enumerate(value.items, 1):
        comma = "," if number < len(value.items) else ""
        *before, last = lines(each, depth + 1)
        for line in before:
            yield "  " + line
        yield "  " + last + comma
    yield value.closing


def on_one_line(group: Group, most: int | None) -> str | None:
    """None when it takes more than so many characters."""
    parts: list[str] = []
    length = 0
    waiting: list[Node] = [group]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
            length += len(node)
            if most is not None and length > most:
                return None
            continue
        inside: list[Node] = [node.opening]
        for number, item in enumerate(node.items):
            inside.extend([", "] if number else [])
            inside.extend(": " if part == ":" else part for part in item)
        waiting.extend(reversed([*inside, node.closing]))
    return "".join(parts)
