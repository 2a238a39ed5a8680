"""Thousands of seeded worlds: whatever goes wrong in them, all that has to hold does."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.playing import play
from tests.simulation.repeating import journal, journal_once_more
from tests.simulation.rolled import Rolled
from tests.simulation.setting import drawn, read, written
from tests.simulation.tally import check_tally, tally_of

# A body that is left while it makes coroutines never awaits some of them: no effect, and no leak.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")
ROOT = Path(__file__).parents[2]
WORLDS, PARTS = 2_000, 2
REPEATED = range(5_000, 5_020)  # one in a hundred
PHASES = ("starting", "going on", "suspending", "resuming", "cancelling", "undoing", "ending")
Tell = Callable[[str, object], None]


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_in_a_world_all_that_has_to_hold_does(
    part: int, record_property: Tell
) -> None:
    # behaviours 1, 2, 4, 5, 6, 22, 61; invariants I1-I8, I10-I14
    tally = tally_of(range(part, WORLDS, PARTS))
    check_tally(tally)
    record_property("summary", f"simulated worlds, part {part}: {tally}")
    assert tally.worlds == WORLDS // PARTS
    assert not tally.never, "faults that were never met"
    missing = [phase for phase in PHASES if not any(p == phase for _, p in tally.met)]
    assert not missing, "states in which nothing went wrong"


def test_a_seed_makes_the_same_journal_by_its_list_of_faults_and_in_another_process() -> None:
    # to the byte, whatever the hashes of texts are
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.simulation.repeating"]
    command += map(str, REPEATED)
    other = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    journals = list(map(journal, REPEATED))
    assert journals == other.stdout.split()
    assert journals == list(map(journal_once_more, REPEATED))
    assert len(set(journals)) == len(REPEATED)


def test_a_setting_is_written_and_read() -> None:
    for seed in range(50):
        assert play(read(written(drawn(seed))), Rolled(seed)).setting == drawn(seed)
