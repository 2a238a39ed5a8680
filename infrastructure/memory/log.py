"""The rows of a journal in memory, and the rules of appending to them, in their plainest form."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from weakref import WeakSet

from perdure.domain.errors import Undecodable, VersionConflict
from perdure.domain.events import Event
from perdure.domain.journal import IndexRow, Scan
from perdure.domain.mailbox import Envelope, Settlement
from perdure.infrastructure import codec
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.memory.mailbox import Mailbox
from perdure.infrastructure.news import News
from perdure.infrastructure.stream import decoded


class Row(NamedTuple):
    """One event as stored. Its position in the whole is its place in `Log.events`, from 1."""

    execution_id: str
    version: int
    topic: str
    body: bytes


@dataclass(slots=True)
class Log:
    """What a file is to SQLite: it outlives the journals that are opened on it.

    Engine and clients may be in different threads: `lock` is held by whoever reads or writes more
    than one thing. `owners` hear of what was posted, `visitors` of what was appended.
    """

    events: list[Row] = field(default_factory=list)
    streams: dict[str, list[Row]] = field(default_factory=dict)
    executions: dict[str, IndexRow] = field(default_factory=dict)
    mailbox: Mailbox = field(default_factory=Mailbox)
    lock: threading.RLock = field(default_factory=threading.RLock)
    owners: WeakSet[News] = field(default_factory=WeakSet)
    visitors: WeakSet[News] = field(default_factory=WeakSet)

    def post(self, envelopes: Sequence[Envelope]) -> None:
        """Stores envelopes, and tells the owner."""
        with self.lock:
            self.mailbox.post(envelopes)
            for news in self.owners:
                news.tell()

    def append(self, entries: Sequence[Entry]) -> tuple[list[bool], int]:
        """Stores all entries or none; whether each was, and the last position."""
        with self.lock:
            answer = self._append(entries)
            for news in self.visitors:
                news.tell()
            return answer, len(self.events)

    def _append(self, entries: Sequence[Entry]) -> list[bool]:
        answer: list[bool] = []
        rows: list[Row] = []
        versions: dict[str, int] = {}
        index: dict[str, IndexRow] = {}
        settles: list[Settlement] = []
        for entry in entries:
            name = entry.execution_id
            known = index.get(name) or self.executions.get(name)
            if entry.claims and known:
                answer.append(False)
                continue
            if entry.rows:
                self._check(entry, versions.get(name))
                versions[name] = entry.expected + len(entry.rows)
            rows.extend(
                Row(name, version, topic, body)
                for version, (topic, body) in enumerate(entry.rows, entry.expected + 1)
            )
            if entry.index is not None and (known or entry.claims):
                index[name] = changed(known, entry.index) if known else entry.index
            if entry.settles:
                settles.extend(entry.settles)
                if not self.mailbox.can_settle(settles):
                    raise VersionConflict(name, entry.expected)
            answer.append(True)
        for row in rows:
            self.events.append(row)
            self.streams.setdefault(row.execution_id, []).append(row)
        self.executions.update(index)
        self.mailbox.settle(settles)
        return answer

    def _check(self, entry: Entry, pending: int | None) -> None:
        stream = self.streams.get(entry.execution_id)
        version = pending if pending is not None else stream[-1].version if stream else None
        if version != entry.expected and not (version is None and entry.expected <= 0):
            raise VersionConflict(entry.execution_id, entry.expected)

    def read(self, execution_ids: Sequence[str]) -> dict[str, list[Event] | Undecodable]:
        """The streams of these, decoded."""
        with self.lock:
            return decoded(
                (row.execution_id, row.version, row.topic, row.body, codec.FORMAT, None)
                for execution_id in dict.fromkeys(execution_ids)
                for row in self.streams.get(execution_id, ())
            )

    def rows(self, execution_ids: Sequence[str]) -> dict[str, IndexRow]:
        """The index rows of these."""
        with self.lock:
            index = self.executions
            return {each: index[each] for each in execution_ids if each in index}

    def page(self, scan: Scan) -> list[IndexRow]:
        """One page of the index, in the order that `Scan` promises."""
        found = [
            row
            for row in self.executions.values()
            if row.state in scan.states
            and scan.workflow in (None, row.workflow)
            and scan.begun in (None, row.begun)
            and (not scan.tags or scan.tags.items() <= (row.tags or {}).items())
        ]
        after = scan.after
        if scan.everything:
            ordered = sorted(((row.started, row.execution_id, row) for row in found), reverse=True)
            page = [row for *place, row in ordered if after is None or tuple(place) < after]
        elif scan.due_until is None:
            none = sorted((row.execution_id, row) for row in found if row.due is None)
            page = [row for name, row in none if after is None or name > after[1]]
        else:
            due = sorted(
                (row.due, row.execution_id, row)
                for row in found
                if row.due is not None and row.due <= scan.due_until
            )
            page = [row for *place, row in due if after is None or tuple(place) > after]
        return page[: scan.limit]


def changed(row: IndexRow, now: IndexRow) -> IndexRow:
    """What a change writes: workflow and start stay as they were claimed."""
    return replace(row, state=now.state, due=now.due, changed=now.changed, reason=now.reason)
