"""The mailbox of a log in memory: what was posted, in the order of its coming, and the replies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from perdure.domain.mailbox import FORGET_PAGE, Envelope, Settlement


class Settled(NamedTuple):
    """What was written of an envelope."""

    settled: int
    reply: bytes


@dataclass(slots=True)
class Mailbox:
    """Envelopes by id: `open` ones, and the replies to those that are `settled`."""

    open: dict[str, Envelope] = field(default_factory=dict)
    settled: dict[str, Settled] = field(default_factory=dict)
    last_arrival: int = 0

    def post(self, envelopes: Iterable[Envelope]) -> None:
        """Takes those whose ids are new."""
        for envelope in envelopes:
            if envelope.id not in self.open and envelope.id not in self.settled:
                self.last_arrival += 1
                self.open[envelope.id] = replace(envelope, arrival=self.last_arrival)

    def after(self, arrival: int, limit: int) -> list[Envelope]:
        """Open ones that came later, in the order of their coming."""
        return [each for each in self.open.values() if each.arrival > arrival][:limit]

    def can_settle(self, settlements: Sequence[Settlement]) -> bool:
        """Whether all of these are open, and none is among them twice."""
        names = {each.envelope_id for each in settlements}
        return len(names) == len(settlements) and names <= self.open.keys()

    def settle(self, settlements: Iterable[Settlement]) -> None:
        """Writes the replies."""
        for each in settlements:
            del self.open[each.envelope_id]
            self.settled[each.envelope_id] = Settled(each.settled, each.reply)

    def forget(self, settled_before: int) -> int:
        """Deletes some that were settled before."""
        old = [name for name, each in self.settled.items() if each.settled < settled_before]
        for name in old[:FORGET_PAGE]:
            del self.settled[name]
        return len(old[:FORGET_PAGE])
