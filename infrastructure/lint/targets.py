"""Which files an argument of `perdure lint` means: a file, a folder, or a module by its name.

Modules are looked for in folders, not imported.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SKIPPED = {"__pycache__", "node_modules", "build", "dist", "venv", "site-packages"}


class NoSuchTarget(Exception):
    """Neither a file, nor a folder, nor a module."""


def files_of(targets: Sequence[str], here: Path) -> list[Path]:
    """The files, each once, in the order of the arguments. Raises NoSuchTarget."""
    found: dict[Path, Path] = {}
    for target in targets:
        for path in _files(target, here):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _files(target: str, here: Path) -> Iterator[Path]:
    path = Path(target)
    if (here / path).is_dir():
        yield from _in_folder(path, here)
    elif (here / path).is_file():
        yield path
    else:
        module = _module(target, here)
        if module is None:
            raise NoSuchTarget(
                f"{target} is no file, no folder, and no module that is found from {here}"
            )
        shown = module.relative_to(here) if module.is_relative_to(here) else module
        yield from _in_folder(shown, here) if module.is_dir() else [shown]


def _in_folder(folder: Path, here: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(here / folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in SKIPPED
            and not Path(root, name, "pyvenv.cfg").exists()
        )
        inside = folder / Path(root).relative_to(here / folder)
        yield from (inside / name for name in sorted(names) if name.endswith(".py"))


def _module(name: str, here: Path) -> Path | None:
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    for folder in (here, here / "src", *map(Path, sys.path)):
        stem = folder.joinpath(*name.split("."))
        if stem.with_name(f"{stem.name}.py").is_file():
            return stem.with_name(f"{stem.name}.py")
        if stem.is_dir() and any(stem.glob("*.py")):
            return stem
    return None
