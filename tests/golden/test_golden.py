"""Each Python's recorded histories replay here, and the same programs make the same ones again."""

from pathlib import Path

import pytest

from tests.golden.histories import FOLDER, RECORDED, golden_files, line, read
from tests.properties.prefixes import check_every_prefix

pytestmark = [
    pytest.mark.every_python,
    pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited"),
]
FILES = golden_files()


def test_several_pythons_have_recorded_their_histories() -> None:
    names = ["every-python", "python-3.11", "python-3.12", "python-3.13"]
    assert [path.stem for path in FILES] == names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden_histories_replay_from_any_prefix(path: Path) -> None:
    # behaviours 4, 5, 63
    recorded = path.read_text(encoding="utf-8").splitlines()
    assert len(recorded) == len(RECORDED)
    for each in recorded:
        check_every_prefix(read(each)[2])


def test_every_python_makes_these_histories_again() -> None:
    # behaviours 4, 5
    for each in (FOLDER / "every-python.jsonl").read_text(encoding="utf-8").splitlines():
        program, day, _ = read(each)
        assert line(program, day) == each
