"""Journals of seeded worlds as hashes, printed by a process of its own: compared with another's."""

import hashlib
import logging
import sys

from perdure.infrastructure.simulation.schedule import Listed
from perdure.infrastructure.simulation.world import World
from tests.simulation.playing import play
from tests.simulation.rolled import Rolled
from tests.simulation.setting import drawn


def journal_of(world: World) -> str:
    """All that was stored, to the byte, and when each append was."""
    found = hashlib.sha256()
    for row in world.storage.log.events:
        found.update(repr(tuple(row)).encode())
    for append in world.storage.appends:
        found.update(repr(append).encode())
    return found.hexdigest()


def journal(seed: int) -> str:
    return journal_of(play(drawn(seed), Rolled(seed)).world)


def journal_once_more(seed: int) -> str:
    """As `journal`, from the list of what happened."""
    first = play(drawn(seed), Rolled(seed))
    return journal_of(play(drawn(seed), Listed(first.schedule.happened)).world)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for each in sys.argv[1:]:
        sys.stdout.write(journal(int(each)) + "\n")
