"""Random workflows: any prefix replays, any crash is survived, and all is done or nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.checks import check_play
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, play
from tests.properties.strategies import Day, days, programs

KINDS = ("crash before", "crash after", "unavailable")


def check_with_and_without_faults(program: Program, day: Day, draws: st.DataObject) -> None:
    undisturbed = play(program, day)
    check_play(undisturbed)
    for append in range(undisturbed.appends):
        for kind in KINDS:
            check_play(play(program, day, [Fault(append, kind)]))


# behaviours 4, 5, 22
@pytest.mark.every_python
@settings(max_examples=60, derandomize=True, database=None)
@given(programs, days, st.data())
def test_a_random_workflow_replays_and_survives_a_crash_at_every_append(
    program: Program, day: Day, draws: st.DataObject
) -> None:
    check_with_and_without_faults(program, day, draws)
