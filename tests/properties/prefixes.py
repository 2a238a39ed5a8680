"""Replays of a play from any prefix that its journal could have held, compared with what followed.

How prefixes are replayed is `perdure.infrastructure.simulation.prefixes`' matter; here is which of
them are looked at, and that the body's defects are mended as they were.
"""

from unittest.mock import patch

from perdure.domain import events
from perdure.domain.events import Event
from perdure.infrastructure.simulation import prefixes
from perdure.infrastructure.simulation.prefixes import Asked
from tests.properties.interpreter import interpret
from tests.properties.plays import Play
from tests.properties.world import EXECUTION, world


def check_every_prefix(play: Play) -> int:
    """Replays what was stored after each submission; how many prefixes there were.

    Those up to the first fault were checked without it; behind it, recovery has replayed one, and
    the first and the last two are looked at. In a rollback they are all alike to the body, which
    goes no further: one of them is enough.
    """
    stream = play.stream()
    first = -1 if play.disturbed is None else play.disturbed
    kinds = [type(event) for event in stream]
    last = len(stream)
    if events.CompensationBegan in kinds:
        last = min(end for end in play.ends if end > kinds.index(events.CompensationBegan))
    ends = sorted({end for end in play.ends if first < end <= last} - prefixes.unsettled(stream))
    if play.disturbed is not None:
        ends = sorted({*ends[:1], *ends[-2:]})
    mended = not ended_by_defect(stream)
    return prefixes.check_prefixes(
        stream, ends, lambda prefix: replayed_requests(prefix, mended=mended)
    )


def ended_by_defect(stream: list[Event]) -> bool:
    """Whether a cancel came upon the body's defect, so that no other code decided the end."""
    ends = (getattr(event, "end", None) for event in stream)
    return any(end.error is not None for end in ends if end is not None)


def replayed_requests(stream: list[Event], *, mended: bool = True) -> dict[int, Asked]:
    """What a replay asks for, by ordinal; heard where the requests get their ordinals."""
    with patch.object(world, "mended", mended):
        return prefixes.replayed_requests(interpret, EXECUTION, stream)
