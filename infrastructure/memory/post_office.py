"""A log in memory as clients have it: in this process, maybe in another thread than its engine."""

from collections.abc import Mapping, Sequence

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow
from perdure.domain.mailbox import Envelope
from perdure.infrastructure.errors import ForeignTransaction, JournalClosed
from perdure.infrastructure.memory.log import Log
from perdure.infrastructure.news import News


class MemoryPostOffice:
    """On the log of a journal, whether an engine has it open or not."""

    __slots__ = ("_closed", "_log", "_news")

    def __init__(self, log: Log) -> None:
        self._log = log
        self._news = News()
        self._closed = False
        log.visitors.add(self._news)

    async def post(self, envelopes: Sequence[Envelope]) -> None:
        self._check_open()
        self._log.post(envelopes)

    async def post_within(self, transaction: object, envelope: Envelope) -> None:
        raise ForeignTransaction("a journal in memory takes part in no transaction")

    async def replies(self, envelopes: Sequence[Envelope]) -> Mapping[str, bytes]:
        self._check_open()
        with self._log.lock:
            settled = self._log.mailbox.settled
            return {each.id: settled[each.id].reply for each in envelopes if each.id in settled}

    async def waiting(self, execution_id: str) -> Sequence[Envelope]:
        self._check_open()
        with self._log.lock:
            found = self._log.mailbox.open.values()
            return [each for each in found if each.execution_id == execution_id]

    async def read(self, execution_ids: Sequence[str]) -> Mapping[str, list[Event] | Undecodable]:
        self._check_open()
        return self._log.read(execution_ids)

    async def rows(self, execution_ids: Sequence[str]) -> Mapping[str, IndexRow]:
        self._check_open()
        return self._log.rows(execution_ids)

    async def changed(self) -> None:
        self._check_open()
        await self._news.heard()

    async def close(self) -> None:
        self._closed = True
        self._log.visitors.discard(self._news)

    def _check_open(self) -> None:
        if self._closed:
            raise JournalClosed("memory: the client is closed; connect again")
