"""The storage of the world: one log in memory, and whose it is. It outlives all processes.

Ownership is as on a server: an owner has an epoch, and until when its lease is its own is by the
storage's time. What an append proves is the epoch, in the same step that stores it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perdure.domain.errors import LostLease
from perdure.domain.mailbox import Envelope
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.news import News


@dataclass(frozen=True, slots=True)
class Stored:
    """One append as it was stored: by whom, at which epoch, when, and the rows behind `first`."""

    owner: str
    epoch: int
    time: int
    first: int
    last: int


class Storage:
    """See the module. `now` is the world's time; leases last `lease_seconds`.

    `expires`: when the owner's lease ends; None: the owner lives, and renews it.
    """

    def __init__(self, now: Callable[[], int], lease_seconds: float) -> None:
        self.log = Log()
        self.owner: str | None = None
        self.epoch = 0
        self.expires: int | None = None
        self.appends: list[Stored] = []
        self.posted: dict[str, Counter[str]] = defaultdict(Counter)  # orders by kind
        self.robbed: set[str] = set()  # owners that could not know that their lease ended
        self._posted: set[str] = set()
        self.ends: dict[str, list[int]] = {}  # versions at which submissions ended, by execution
        self._now = now
        self._lease = round(lease_seconds * 1_000_000)
        self._waiting: list[News] = []

    def take(self, name: str) -> int | None:
        """The epoch of a new owner; None while somebody else has it."""
        if self.owner is not None and (self.expires is None or self.expires > self._now()):
            return None
        self.owner, self.epoch, self.expires = name, self.epoch + 1, None
        self.robbed.discard(name)
        return self.epoch

    def renew(self, epoch: int) -> bool:
        """Whether it was; not if the lease was over already, or taken."""
        if epoch != self.epoch or self.owner is None:
            return False
        if self.expires is not None and self.expires <= self._now():
            return False
        self.expires = None
        return True

    def expire(self, epoch: int) -> None:
        """Renewing has stopped: the lease of this epoch runs out."""
        if epoch == self.epoch and self.owner is not None and self.expires is None:
            self.expires = self._now() + self._lease
            self._tell()

    def release(self, name: str) -> None:
        """Its owner gives it up, or is known to be dead: whoever waits may have it at once."""
        if self.owner == name:
            self.owner = None
            self._tell()

    def expropriate(self) -> None:
        """The lease ends now, whatever its owner believes."""
        if self.owner is not None:
            self.robbed.add(self.owner)
        self.expires = self._now()
        self._tell()

    def tell_when_free(self, news: News) -> None:
        self._waiting.append(news)

    def _tell(self) -> None:
        for news in self._waiting:
            news.tell()

    def post(self, envelopes: Sequence[Envelope]) -> None:
        """Stores envelopes; the same again changes nothing."""
        for envelope in envelopes:
            if envelope.id not in self._posted:
                self._posted.add(envelope.id)
                self.posted[envelope.execution_id][envelope.kind] += 1
        self.log.post(envelopes)

    def append(self, entries: Sequence[Entry], epoch: int, name: str) -> list[bool]:
        """Stores all of them or none. Raises LostLease for an epoch that is over."""
        if epoch != self.epoch:
            raise LostLease(f"{name}: somebody else owns the journal; nothing is appended")
        first = len(self.log.events)
        answer, last = self.log.append(entries)
        self.appends.append(Stored(name, epoch, self._now(), first, last))
        for entry, accepted in zip(entries, answer, strict=True):
            if accepted and entry.rows:
                ends = self.ends.setdefault(entry.execution_id, [])
                ends.append(entry.expected + len(entry.rows))
        return answer
