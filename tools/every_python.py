"""The core tests on every other supported Python of this machine: `python -m tools.every_python`.

Run by the Python of `.venv`, whose own minor version is left out. Each of the others gets
`.venv-3.X`, with only what tests need, and the tests marked `every_python`. One line each;
a Python for which no environment can be made is named and passed over, a failing test is not.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tools.environment import ROOT, SetupFailed, ensure, locked
from tools.interpreters import Interpreter, find_interpreters

TESTS = ["-m", "pytest", "tests", "-m", "every_python", "--quiet", "-p", "no:cacheprovider"]
# What differs from one Python to the next is not the server's matter: a part of its tests will do.
TESTS += ["-k", "not postgres or test_append or test_mailbox"]
TESTS += ["--hypothesis-profile=every_python"]  # of tests/conftest.py: a quarter of the examples
TESTS_SECONDS = 600


def main() -> int:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = [found for found in find_interpreters() if found.minor != own]
    if not others:
        print(f"Python {own} is the only supported one here; the core tests ran on it alone.")
        return 0
    ready = [interpreter for interpreter in others if prepare(interpreter)]
    # One process a Python: they fill the cores without a second layer of workers.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
        passed = list(threads.map(tests_pass, ready))
    return 0 if all(passed) else 1


def prepare(interpreter: Interpreter) -> bool:
    try:
        with locked(ROOT):
            ensure(ROOT / f".venv-{interpreter.minor}", interpreter, ["tests"])
    except SetupFailed as failure:
        print(f"{interpreter}: not tried. {failure}", flush=True)
        return False
    return True


def tests_pass(interpreter: Interpreter) -> bool:
    started = time.monotonic()
    python = ROOT / f".venv-{interpreter.minor}" / "bin" / "python"
    result = subprocess.run(
        [str(python), *TESTS],
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TESTS_SECONDS,
    )
    lines = result.stdout.strip().splitlines() or ["no output"]
    if result.returncode == 0:
        print(f"{interpreter}: {lines[-1]}", flush=True)
        return True
    seconds = time.monotonic() - started
    print(f"{interpreter}: FAILED after {seconds:.1f} s\n{result.stdout}", flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
