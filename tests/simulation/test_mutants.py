"""The simulator notices the mutants of our own code, and nothing when there is none."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORLDS = 2_500  # for each; `make mutants` plays ten thousand
NEED_MORE = {
    "orders taken for settled before commit",
    "room not looked for after a lost answer",
}


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_every_mutant_is_caught(record_property: Callable[[str, object], None]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.simulation.mutants", "--json"]
    command += ["--limit", str(WORLDS), "--workers", "1"]
    hunt = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert hunt.returncode == 0, hunt.stderr
    catches = json.loads(hunt.stdout)
    missed = {each["name"] for each in catches if not each["check"]}
    caught = len(catches) - len(missed)
    record_property("summary", f"mutants: caught {caught} of {len(catches)} in {WORLDS:,} worlds")
    assert missed <= NEED_MORE
    assert caught > 20
