"""The checks notice every mutant of our own code, and nothing when there is none."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.faults
@pytest.mark.timeout(180)
def test_every_mutant_is_caught(record_property: Callable[[str, object], None]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.hunt"]
    hunt = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert hunt.returncode == 0, hunt.stderr
    said = json.loads(hunt.stdout)
    assert said.pop("") == "", "the checks are to be content with the engine as it is"
    caught = sum(map(bool, said.values()))
    record_property("summary", f"mutants: caught {caught} of {len(said)}")
    assert caught == len(said) > 0, said
