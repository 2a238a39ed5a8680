"""Timers fire once each, in the order of due and ordinal, never early, whatever else happens."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ports.profiles import FEW, MANY
from tests.ports.timers import TimerStory


@pytest.mark.every_python
def test_in_any_story_of_timers_each_fires_at_its_due_and_in_order() -> None:
    # behaviour 42; invariant I13
    check(FEW)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_in_hundreds_of_stories_of_timers_each_fires_at_its_due_and_in_order() -> None:
    # behaviour 42; invariant I13
    check(MANY)


def check(how: settings) -> None:
    """Each story asserts by itself."""
    run_state_machine_as_test(TimerStory, settings=how)
