"""Both type checkers agree with the pins: what is accepted passes, what is refused is silenced.

Each checker reports a silencing comment that it does not need, so a mistake that it has come to
accept fails here too.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MYPY = ["mypy", "--package=tests.typing", "--follow-imports=silent", "--no-error-summary"]
PYRIGHT = ["pyright", "--pythonpath", sys.executable, "tests/typing"]


@pytest.mark.timeout(180)  # a first run has no cache and reads pydantic
@pytest.mark.parametrize("checker", [MYPY, PYRIGHT], ids=["mypy", "pyright"])
def test_users_code_is_accepted_and_refused_as_pinned(checker: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *checker],
        cwd=ROOT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert run.returncode == 0, run.stdout
