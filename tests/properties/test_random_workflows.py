"""Random workflows: several crashes are survived, a changed argument is refused."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from perdure.domain.errors import NonDeterministicWorkflow
from tests.properties.checks import (
    KINDS,
    check_play,
    check_refuses_other_arguments,
)
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, play
from tests.properties.strategies import Day, days, programs

# A body that is left while it makes coroutines never awaits some of them: no effect, and no leak.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine 'carry_out' was never awaited")


@settings(max_examples=60, derandomize=True, database=None)
@given(programs, days, st.lists(st.sampled_from(KINDS), min_size=2, max_size=4), st.data())
def test_a_random_workflow_survives_several_crashes(
    program: Program, day: Day, kinds: list[str], data: st.DataObject
) -> None:
    # behaviour 22
    at = data.draw(st.lists(st.integers(0, 12), min_size=len(kinds), max_size=len(kinds)))
    check_play(play(program, day, list(map(Fault, at, kinds))))


@pytest.mark.every_python
@settings(max_examples=40, derandomize=True, database=None)
@given(programs)
def test_a_changed_argument_of_the_first_activity_is_refused(program: Program) -> None:
    # behaviour 4
    played = play(program)
    assume(played.world.keys)
    with pytest.raises(NonDeterministicWorkflow):
        check_refuses_other_arguments(played)
