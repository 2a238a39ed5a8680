"""The command line starts where only Perdure is installed, without any extra."""

import subprocess
import sys

import pytest

EXTRAS = ("alembic", "cryptography", "httpx", "hypothesis", "psycopg", "pytest", "starlette")
WITHOUT = """
import importlib.util, sys

find = importlib.util.find_spec
extras = {extras!r}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in extras:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
importlib.util.find_spec = lambda name: None if name in extras else find(name)
sys.argv = ["perdure", *{arguments!r}]
from perdure.infrastructure.command_line import main
main()
"""


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = WITHOUT.format(extras=EXTRAS, arguments=arguments)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, text=True, capture_output=True, timeout=30, check=False)


@pytest.mark.faults  # starts a process
def test_it_lints_without_any_extra() -> None:
    printed = typed("lint", __file__)
    assert (printed.stdout, printed.stderr) == ("Nothing found in 1 file.\n", "")


@pytest.mark.faults  # starts a process
def test_the_demo_says_which_extra_it_needs() -> None:
    printed = typed("demo")
    assert printed.returncode == 1
    assert "the demo's shop needs httpx, starlette: " in printed.stderr
