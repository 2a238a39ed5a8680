"""The CPythons of this machine that Perdure supports: released, 3.11 or later, with the GIL.

Each candidate is asked, not judged by its name: a shim may refuse, a link may lead nowhere.
Read on in tools/environment.py, which makes a virtual environment with one of them.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import which

OLDEST = (3, 11)
NEWEST_MINOR_SOUGHT = 19
ANSWER_SECONDS = 20

# An environment may be active: `_base_executable` is the Python that it was made from.
QUESTION = """
import importlib.util, json, os, sys, sysconfig
print(json.dumps({
    "executable": os.path.realpath(sys._base_executable),
    "version": sys.version_info[:3],
    "suitable": sys.implementation.name == "cpython"
        and sys.version_info.releaselevel == "final"
        and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "missing": [name for name in ("venv", "ensurepip", "sqlite3", "ssl")
        if importlib.util.find_spec(name) is None],
}))
"""


@dataclass(frozen=True, kw_only=True, order=True)
class Interpreter:
    """One Python, by the file that it really is."""

    version: tuple[int, int, int]
    executable: str
    missing: tuple[str, ...] = ()

    @property
    def minor(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"

    def __str__(self) -> str:
        return "Python " + ".".join(str(part) for part in self.version)


def ask(command: str) -> Interpreter | None:
    """The interpreter behind a command or path; None if it does not answer or is not supported."""
    try:
        answer = subprocess.run(
            [command, "-I", "-c", QUESTION],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
        ).stdout
        told = json.loads(answer)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    version = tuple(told["version"])
    if not told["suitable"] or version < OLDEST:
        return None
    return Interpreter(
        version=version, executable=told["executable"], missing=tuple(told["missing"])
    )


def find_interpreters() -> list[Interpreter]:
    """One per minor version, the newest first; of equals, a complete one before a lacking one."""
    with ThreadPoolExecutor() as threads:
        answers = [found for found in threads.map(ask, dict.fromkeys(_candidates())) if found]
    return newest_of_each_minor(answers)


def newest_of_each_minor(found: Iterable[Interpreter]) -> list[Interpreter]:
    best: dict[str, Interpreter] = {}
    for interpreter in found:
        known = best.get(interpreter.minor)
        if known is None or _rank(interpreter) > _rank(known):
            best[interpreter.minor] = interpreter
    return sorted(best.values(), key=lambda interpreter: interpreter.version, reverse=True)


def _rank(interpreter: Interpreter) -> tuple[bool, tuple[int, int, int]]:
    return not interpreter.missing, interpreter.version


def _candidates() -> Iterator[str]:
    names = [f"python3.{minor}" for minor in range(NEWEST_MINOR_SOUGHT, OLDEST[1] - 1, -1)]
    for name in [*names, "python3", "python"]:
        # Every folder of the path is tried, since a shim may hide the real one behind it.
        for folder in os.get_exec_path():
            if found := which(name, path=folder):
                yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if os.access(pyenv, os.R_OK | os.X_OK):  # it may be another user's
        yield from map(str, sorted(pyenv.glob("versions/3.*/bin/python")))
