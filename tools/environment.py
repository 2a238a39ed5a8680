"""Makes `.venv`, or finds that it is still good: `python -m tools.environment demo dev`.

The arguments are extras of pyproject.toml. An environment is good if its stamp says so: the stamp
is taken away before any work and written after the last step, so that an interrupted set-up is
never taken for a finished one. Work is done under a lock on the root folder: a second `make`
waits. tools/every_python.py makes the other environments with the same function.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.interpreters import Interpreter, ask, find_interpreters

ROOT = Path(__file__).resolve().parent.parent
STAMP = "perdure.json"
INSTALL_SECONDS = 1800
LOG = "setup.log"
# What pip says when it cannot get through.
UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


class SetupFailed(Exception):
    """An environment could not be made; the text is one line for the person at the terminal."""


class IndexUnreachable(SetupFailed):
    """The same on every Python of this machine."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What an environment was made from. `base` differs: make it anew. `project`: install again."""

    root: str
    base: str
    project: str
    extras: tuple[str, ...]

    def covers(self, wanted: "Stamp") -> bool:
        return (
            self.same_base(wanted)
            and self.project == wanted.project
            and set(self.extras) >= set(wanted.extras)
        )

    def same_base(self, wanted: "Stamp") -> bool:
        return (self.root, self.base) == (wanted.root, wanted.base)


def main(extras: Sequence[str]) -> int:
    chosen = os.environ.get("PYTHON", "")
    try:
        with locked(ROOT):
            ensure_primary(extras, chosen=chosen)
    except SetupFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def ensure_primary(extras: Sequence[str], *, chosen: str) -> None:
    """`.venv`: of the chosen Python, else of any one it already has, else of the newest that works.

    A newer Python may be there before its wheels are; then the next one is tried.
    """
    folder = ROOT / ".venv"
    if chosen:
        interpreter = ask(chosen)
        if interpreter is None:
            raise SetupFailed(f"PYTHON={chosen} is not a released CPython 3.11 or later.")
        ensure(folder, interpreter, extras)
        return
    stamp = read_stamp(folder)
    if stamp is not None and stamp.covers(stamp_for(stamp.base, extras)):
        return
    before = stamp and ask(stamp.base)
    candidates = [before] if before else find_interpreters()
    for interpreter in candidates:
        try:
            ensure(folder, interpreter, extras)
        except IndexUnreachable:
            raise
        except SetupFailed as failure:
            print(failure, file=sys.stderr)
        else:
            return
    raise SetupFailed("No environment could be made. Name a Python: make PYTHON=/path/to/python3")


def ensure(folder: Path, interpreter: Interpreter, extras: Sequence[str]) -> None:
    """Brings one environment up to date; does nothing, quickly, if it is.

    Raises SetupFailed with the reason; all that was said lies in the environment's setup.log.
    """
    stamp = read_stamp(folder)
    wanted = stamp_for(interpreter.executable, extras)
    if stamp is not None and stamp.covers(wanted):
        return
    started = time.monotonic()
    print(f"Setting up {folder.name} with {interpreter} ...", flush=True)
    (folder / STAMP).unlink(missing_ok=True)
    if stamp is None or not stamp.same_base(wanted):
        make(folder, interpreter)
    elif stamp.project == wanted.project:
        extras = sorted({*stamp.extras, *extras})
    pip(folder, f"{folder.name} with {interpreter}", "--editable", f".[{','.join(extras)}]")
    write_stamp(folder, stamp_for(interpreter.executable, extras))
    print(f"{folder.name} is ready after {time.monotonic() - started:.0f} s.", flush=True)


def make(folder: Path, interpreter: Interpreter) -> None:
    if interpreter.missing:
        lacking = ", ".join(interpreter.missing)
        raise SetupFailed(
            f"{interpreter} at {interpreter.executable} lacks {lacking}"
            " (on Debian and Ubuntu: install its -venv package)."
        )
    shutil.rmtree(folder, ignore_errors=True)
    command = [interpreter.executable, "-m", "venv", str(folder)]
    run(folder, f"{interpreter} made no environment", command)


def pip(folder: Path, what: str, *arguments: str) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *arguments]
    run(folder, f"Installing into {what} failed", command)


def run(folder: Path, what_failed: str, command: Sequence[str]) -> None:
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
    try:
        subprocess.run(
            command,
            check=True,
            cwd=ROOT,
            env=os.environ | quiet,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as failure:
        raise failed(folder, what_failed, failure.output) from failure
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise SetupFailed(f"{what_failed}: {failure}") from failure


def failed(folder: Path, what_failed: str, output: str) -> SetupFailed:
    folder.mkdir(exist_ok=True)
    (folder / LOG).write_text(output, encoding="utf-8")
    told = f"{what_failed}; {folder.name}/{LOG} has all of it"
    if any(sign in output for sign in UNREACHABLE):
        return IndexUnreachable(f"{told}. The package index cannot be reached.")
    lines = [line.strip() for line in output.splitlines()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no output"]
    return SetupFailed(f"{told}. {errors[-1]}")


def stamp_for(base: str, extras: Sequence[str]) -> Stamp:
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return Stamp(root=str(ROOT), base=base, project=project, extras=tuple(sorted(set(extras))))


def read_stamp(folder: Path) -> Stamp | None:
    """None if the environment is absent, unfinished, or its Python is gone."""
    try:
        told = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        stamp = Stamp(**{**told, "extras": tuple(told["extras"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stamp if (folder / "bin" / "python").exists() else None


def write_stamp(folder: Path, stamp: Stamp) -> None:
    unfinished = folder / f"{STAMP}.new"
    unfinished.write_text(json.dumps(asdict(stamp), indent=1), encoding="utf-8")
    unfinished.replace(folder / STAMP)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One set-up at a time; the lock goes with the process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
