"""The post office of a simulated client: messages arrive late, twice, or without an answer."""

from collections.abc import Callable, Sequence

from perdure.domain.errors import JournalUnavailable
from perdure.domain.mailbox import Envelope
from perdure.infrastructure.memory.post_office import MemoryPostOffice
from perdure.infrastructure.simulation.journal import Tell
from perdure.infrastructure.simulation.process import pause
from perdure.infrastructure.simulation.schedule import POST, Schedule
from perdure.infrastructure.simulation.storage import Storage

LATE_SECONDS = 2.0


class SimulatedPostOffice(MemoryPostOffice):
    """Of one client. `later` has the world do something after so many seconds."""

    __slots__ = ("_later", "_schedule", "_storage", "_tell")

    def __init__(
        self,
        storage: Storage,
        schedule: Schedule,
        later: Callable[[float, Callable[[], None]], None],
        tell: Tell,
    ) -> None:
        super().__init__(storage.log)
        self._storage = storage
        self._schedule = schedule
        self._later = later
        self._tell = tell

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        what = self._schedule.at("post", POST)
        if what:
            self._tell("a customer", "", "post", what)
        match what:
            case "unavailable":
                raise JournalUnavailable("the storage does not answer; nothing is posted")
            case "late":
                await pause(LATE_SECONDS)
        self._check_open()
        self._storage.post(envelopes)
        if what == "twice":
            self._later(LATE_SECONDS, lambda: self._storage.post(envelopes))
        if what == "unsure":
            raise JournalUnavailable("the storage gave no answer; it may be posted or not")
