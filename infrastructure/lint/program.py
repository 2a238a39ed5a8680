"""The code in sight: the files that are linted, and those nearby that they import.

A file is parsed when a name leads into it, never run. Installed libraries are not read.
"""

import sys
from pathlib import Path

from perdure.infrastructure.lint.scopes import Function
from perdure.infrastructure.lint.source import SourceFile


class Program:
    """Files by path and by the name of their module."""

    def __init__(self, here: Path) -> None:
        self._here = here.resolve()
        self._files: dict[Path, SourceFile | None] = {}
        self._modules: dict[tuple[Path, str], SourceFile | None] = {}
        self._roots: dict[tuple[Path, str], bool] = {}

    def read(self, path: Path) -> SourceFile:
        """The file at a path. Raises what `SourceFile` raises."""
        place = (self._here / path).resolve()
        known = self._files.get(place)
        if known is None:
            known = self._files[place] = SourceFile(path, self._here)
        return known

    @property
    def functions(self) -> list[Function]:
        """All functions of the files that were read so far."""
        read = [source for source in self._files.values() if source is not None]
        return [function for source in read for function in source.functions]

    def module(self, name: str, near: SourceFile) -> SourceFile | None:
        """The file of a module, as `near` would import it; None for what is not in sight."""
        if name.partition(".")[0] in sys.stdlib_module_names:
            return None
        for folder in dict.fromkeys((near.root, near.root / "src", self._here, self._here / "src")):
            found = self._module_in(folder, name)
            if found is not None:
                return found
        return None

    def _module_in(self, folder: Path, name: str) -> SourceFile | None:
        root = name.partition(".")[0]
        if (folder, root) not in self._roots:
            there = (folder / root).is_dir() or (folder / f"{root}.py").is_file()
            self._roots[folder, root] = there
        if not self._roots[folder, root]:
            return None
        if (folder, name) not in self._modules:
            self._modules[folder, name] = self._found(folder.joinpath(*name.split(".")))
        return self._modules[folder, name]

    def _found(self, stem: Path) -> SourceFile | None:
        for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if path.is_file():
                key = path.resolve()
                if key not in self._files:
                    try:
                        self._files[key] = SourceFile(self._shown(path), self._here)
                    except (SyntaxError, UnicodeDecodeError, OSError, RecursionError):
                        self._files[key] = None  # told of when it is linted itself
                return self._files[key]
        return None

    def _shown(self, path: Path) -> Path:
        return path.relative_to(self._here) if path.is_relative_to(self._here) else path
