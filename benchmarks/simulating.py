"""Seeded worlds of the simulator a second, on one core, with all their checks."""

import gc
import logging
import time
from typing import Any

from perdure.sagas.watchdog import watchdog
from tests.simulation.playing import play
from tests.simulation.rolled import Rolled
from tests.simulation.setting import drawn

WARM_UP = 30


def simulated(worlds: int, first: int) -> dict[str, Any]:
    """Plays so many; how many a second of this process's CPU, and what they held."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    watchdog.open()
    for seed in range(WARM_UP):
        play(drawn(seed), Rolled(seed))
    gc.collect()
    gc.freeze()
    began, appends, faults, broken = time.process_time(), 0, 0, 0
    for seed in range(first, first + worlds):
        playing = play(drawn(seed), Rolled(seed))
        appends += len(playing.world.storage.appends)
        faults += len(playing.schedule.happened)
        broken += playing.problem is not None
    seconds = time.process_time() - began
    gc.unfreeze()
    watchdog.close()
    logging.disable(level)
    return {
        "label": "perdure",
        "work": "simulated worlds",
        "n": worlds,
        "worlds_s": round(worlds / seconds, 1),
        "appends": appends,
        "faults": faults,
        "broken": broken,
    }
