"""Other processes make the same histories: other hash seeds, other use of memory, other Pythons."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.histories import read
from tests.properties.prefixes import check_every_prefix
from tools.environment import STAMP

ROOT = Path(__file__).parents[2]
THIS_PYTHON = ROOT / ".venv" / "bin" / "python"
QUICK, MANY = 24, 250


def made_by(python: Path, hash_seed: int, programs: int, *options: str) -> subprocess.Popen[str]:
    command = [str(python), "-W", "ignore", "-m", "tests.golden.histories"]
    command += ["--programs", str(programs), "--noise", str(hash_seed), *options]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> list[str]:
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output.splitlines()


def pythons() -> Iterator[Path]:
    """Of the environments that are there; `make test` makes one for each Python of the machine."""
    for folder in sorted(ROOT.glob(".venv*")):
        if (folder / STAMP).exists() or folder == THIS_PYTHON.parents[1]:
            yield folder / "bin" / "python"


def test_two_processes_make_the_same_histories() -> None:
    # behaviours 4, 5
    processes = [made_by(THIS_PYTHON, hash_seed, QUICK) for hash_seed in (1, 2)]
    one, other = map(told, processes)
    assert one == other
    assert len(one) == QUICK


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_every_python_of_the_machine_makes_the_same_histories() -> None:
    # behaviours 4, 5
    expected = told(made_by(THIS_PYTHON, 0, MANY))
    for python in pythons():
        for hash_seed in (1, 1_000_003):
            assert told(made_by(python, hash_seed, MANY)) == expected, python.parent.parent.name
    assert len(expected) == MANY


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")
def test_histories_of_every_python_of_the_machine_replay_here() -> None:
    # behaviours 4, 5
    for python in pythons():
        histories = told(made_by(python, 3, MANY, "--own"))
        assert len(histories) == MANY
        for each in histories:
            check_every_prefix(read(each)[2])
