"""A file as the rules see it: path, text, syntax tree; and the names that the tree refers to.

Judges nothing. The rules beside it do, and `exceptions.py` says which breaches are known.
"""

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = ("domain", "sagas", "projections", "infrastructure")
FACE = "src/perdure"
CODE = {".py", ".pyi"}
TEXT = CODE | {".md", ".toml", ".txt", ".cfg", ".ini", ".yml", ".yaml", ".json", ".sh", ".sql", ""}


@dataclass(frozen=True)
class Finding:
    """One breach of one rule."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Source:
    """One file; `path` is relative to the root and has forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def folders(self) -> tuple[str, ...]:
        return PurePosixPath(self.path).parts[:-1]

    @property
    def layer(self) -> str | None:
        return self.folders[0] if self.folders and self.folders[0] in LAYERS else None

    @property
    def is_face(self) -> bool:
        return self.path.startswith(f"{FACE}/")

    @property
    def is_product(self) -> bool:
        return self.layer is not None or self.is_face

    @property
    def is_test(self) -> bool:
        return self.folders[:1] == ("tests",)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The dotted name behind each name that an import binds, anywhere in the file."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    bound = name.asname or name.name.partition(".")[0]
                    found[bound] = name.name if name.asname else bound
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for name in node.names:
                    found[name.asname or name.name] = f"{node.module}.{name.name}"
        return found

    def dotted(self, node: ast.AST) -> str:
        """`datetime.datetime.now` for `dt.now` after `from datetime import datetime as dt`.

        Names that no import binds stand for themselves; "" for what is no chain of names.
        """
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value)
            return f"{before}.{node.attr}" if before else ""
        return ""

    def at(self, node: ast.AST | int, message: str) -> Finding:
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return Finding(self.path, line, message)


Rule = Callable[[Source], Iterator[Finding]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(root: Path = ROOT) -> list[Source]:
    """Every text file of the project. Walks the folders: a fresh machine may not have git."""
    return [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in files(root)
        if path.suffix in TEXT
    ]


def files(root: Path = ROOT) -> Iterator[Path]:
    """Neither links nor what the tools leave behind (see .gitignore)."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if (not name.startswith(".") or name == ".ci")
            and name not in {"__pycache__", "build", "dist"}
            and not name.endswith(".egg-info")
        )
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and not name.startswith((".coverage", ".git")):
                yield path


def code(source: Source) -> bool:
    return PurePosixPath(source.path).suffix in CODE


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function with its qualified name, methods and nested ones too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield prefix + node.name, node
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        else:
            yield from functions(node, prefix)
