"""One order to one execution, carried out once, and again only where the first time was not stored.

An append may be stored although its answer is lost. Tried again, it is refused for a version
conflict: with its own events. So the stream tells whether the order is among them. What may be
ordered is `inquiry`'s matter.
"""

from collections.abc import Sequence

from perdure.domain.errors import PerdureError
from perdure.domain.events import Event
from perdure.domain.mailbox import Settlement
from perdure.domain.refusals import CannotCancel, CannotResolve
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.loading import Order


class Errand:
    """See the module. `execution` is the one on which it was carried out, at last."""

    __slots__ = ("_order", "_place", "execution", "refusal", "settles", "version")

    def __init__(self, order: Order, settles: tuple[Settlement, ...]) -> None:
        self._order = order
        self._place: tuple[int, Event] | None = None  # version and first event that it recorded
        self.settles = settles  # until they are handed over with it
        self.execution: LiveExecution | None = None
        self.refusal: PerdureError | None = None
        self.version = 0  # which has to be durable

    def carry_out(self, live: LiveExecution) -> None:
        """From a plain callback; on the first that is not gone."""
        if live.gone or self.execution is not None:
            return
        live.settles, self.settles = self.settles, ()
        version, events = live.state.version, live.events  # that list, even once it is submitted
        before = len(events)
        try:
            self._order(live)
        except (CannotCancel, CannotResolve) as error:  # the execution is as it was
            self.refusal = error
            live.settles = ()
        except BaseException:
            live.settles = ()
            raise
        if len(events) > before:
            self._place = version + 1, events[before]
        live.submit()
        self.execution, self.version = live, live.state.version

    def is_among(self, stream: Sequence[Event]) -> bool:
        """Whether it is recorded; if not, it can be carried out again."""
        if self._place is not None:
            version, event = self._place
            if stream[version - 1 : version] == [event]:
                return True
        self.execution = self._place = None
        return False
