"""Runs the checks on every mutant, and writes what they say of each, as JSON.

A process of its own, since what a mutated engine leaves behind complains whenever it is collected.
"""

import gc
import json
import logging
import sys
from collections.abc import Callable

from hypothesis import Phase, given, settings

from perdure.domain.errors import NonDeterministicWorkflow
from tests.faults.mutants import MUTANTS
from tests.faults.references import REFERENCES
from tests.properties.checks import check_play, check_refuses_other_arguments
from tests.properties.interpreter import Program
from tests.properties.plays import Fault, play
from tests.properties.strategies import Day, days, programs

OPEN = ["finally", ["do", 1, "book", "", ""], ["do", 2, "book", "", ""]]
SHORT_OF_SLOTS = ["timeout", 25, ["do", 1, "book", "d", ""], ["do", 2, "look", "", ""]]
OUR_OWN_MISTAKES = (TypeError, AttributeError, NameError)


def check_everything() -> None:
    """What the engine passes elsewhere, in little."""
    check_refusal()
    for program, day in REFERENCES.values():
        check_crashes(program, day)
    check_crashes(SHORT_OF_SLOTS, Day(commit_milliseconds=10, slots=1))
    check_crashes(["do", 1, "book", "l", ""], Day(10, cancel_after_milliseconds=14))
    check_random()


def check_refusal() -> None:
    played = play(OPEN)
    refused = False
    woken: list[object] = []
    sys.unraisablehook = woken.append
    try:
        check_refuses_other_arguments(played)
    except NonDeterministicWorkflow:
        refused = True
    finally:
        gc.collect()
        sys.unraisablehook = sys.__unraisablehook__
    assert refused, "other arguments were taken for the same"
    assert not woken, "a body that was left went on as garbage"


def check_crashes(program: Program, day: Day) -> None:
    undisturbed = play(program, day)
    check_play(undisturbed)
    for append in range(undisturbed.appends):
        for kind in ("crash before", "crash after"):
            check_play(play(program, day, [Fault(append, kind)]))


@settings(max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(programs, days)
def check_random(program: Program, day: Day) -> None:
    check_crashes(program, day)


def noticed(check: Callable[[], None]) -> str:
    """What the checks say; empty when they are content."""
    try:
        check()
    except OUR_OWN_MISTAKES:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return ""


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    said = {"": noticed(check_everything)}
    for name, make in MUTANTS.items():
        with make():
            said[name] = noticed(check_everything)
    json.dump(said, sys.stdout)
