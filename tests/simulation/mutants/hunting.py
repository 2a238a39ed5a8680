"""The hunt for one mutant: seeds are played one after another until a check is not content.

Some mistakes show only where the code of a body has changed, which no world does: that is tried
first, as the random tests do it.
"""

import gc
import logging
import sys
from dataclasses import dataclass

from perdure.domain.errors import NonDeterministicWorkflow
from perdure.sagas.watchdog import watchdog
from tests.properties.checks import check_refuses_other_arguments
from tests.properties.plays import play as play_alone
from tests.simulation.mutants.coming_back import COMING_BACK
from tests.simulation.mutants.going_on import GOING_ON
from tests.simulation.mutants.registry import Mutant
from tests.simulation.mutants.storing import STORING
from tests.simulation.playing import play
from tests.simulation.rolled import Rolled
from tests.simulation.setting import drawn

MUTANTS: dict[str, Mutant] = {**STORING.made, **GOING_ON.made, **COMING_BACK.made}
OPEN = ["finally", ["do", 1, "book", "", ""], ["do", 2, "book", "", ""]]
OUR_OWN_MISTAKES = (TypeError, AttributeError, NameError)


@dataclass(frozen=True)
class Catch:
    """What came of a hunt. `worlds`: how many were played; the last one caught it, if `check`."""

    name: str
    worlds: int
    check: str = ""
    text: str = ""


def hunt(name: str, limit: int) -> Catch:
    """For a process of its own: what a mutated engine leaves behind complains when collected."""
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda unraisable: None
    watchdog.open()
    gc.collect()
    gc.freeze()
    with MUTANTS[name]():
        said = refusal()
        if said:
            return Catch(name, 0, "other code is refused", said)
        for seed in range(limit):
            playing = play(drawn(seed), Rolled(seed))
            if playing.problem is not None:
                if isinstance(playing.problem, OUR_OWN_MISTAKES):
                    raise playing.problem
                told = f"{type(playing.problem).__name__}: {playing.problem}"
                return Catch(name, seed + 1, playing.check, told[:200])
    return Catch(name, limit)


def refusal() -> str:
    """What is wrong with a body whose recorded arguments are others; empty when nothing is."""
    woken: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, woken.append
    try:
        check_refuses_other_arguments(play_alone(OPEN))
    except NonDeterministicWorkflow:
        gc.collect()
        return "a body that was left went on as garbage" if woken else ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        gc.collect()
        sys.unraisablehook = before
    return "other arguments were taken for the same"
