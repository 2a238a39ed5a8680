"""What random workflows have found, each as the smallest program that showed it."""

import gc

import pytest

from perdure.domain import events
from perdure.domain.errors import NonDeterministicWorkflow
from tests.properties.checks import check_play, check_refuses_other_arguments
from tests.properties.day import Day
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, Play, play

BOOKED_AND_LOST = ["do", 1, "book", "l", ""]


def checked(program: Program, day: Day, *faults: Fault) -> Play:
    played = play(program, day, faults)
    check_play(played)
    return played


@pytest.mark.every_python
def test_a_second_attempt_that_is_dropped_unissued_leaves_the_first_one_to_be_undone() -> None:
    # behaviour 22; the fold took "unissued" for "had no effect", and the first attempt was kept
    played = checked(BOOKED_AND_LOST, Day(commit_milliseconds=10, cancel_after_milliseconds=14))
    kinds = [getattr(event, "kind", "") for event in played.stream()]
    assert "unissued" in kinds
    assert list(played.world.undone.values()) == [None]


def test_an_attempt_that_is_dropped_unissued_hands_its_slot_on() -> None:
    # The slot was given back, and who waited for it was not told: the execution hung for ever.
    program = ["timeout", 25, ["do", 1, "book", "d", ""], ["do", 2, "look", "", ""]]
    played = checked(program, Day(commit_milliseconds=10, slots=1))
    kinds = [getattr(event, "kind", "") for event in played.stream()]
    assert "unissued" in kinds
    assert isinstance(played.stream()[-1], events.ExecutionSucceeded)


@pytest.mark.every_python
def test_a_body_whose_replay_diverges_is_left_without_effect() -> None:
    # It was garbage with an open `finally`, and that ran its activity for real when collected.
    program = ["finally", ["do", 1, "book", "", ""], ["do", 2, "book", "", ""]]
    played = checked(program, Day())
    played.world.effects.clear()
    with pytest.raises(NonDeterministicWorkflow):
        check_refuses_other_arguments(played)
    gc.collect()
    assert not played.world.effects
    assert not played.world.offences
