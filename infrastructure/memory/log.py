"""The rows of a journal in memory, and the rules of appending to them, in their plainest form."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from perdure.domain.errors import VersionConflict
from perdure.domain.journal import IndexRow, Scan
from perdure.infrastructure.entry import Entry


class Row(NamedTuple):
    """One event as stored. Its position in the whole is its place in `Log.events`, from 1."""

    execution_id: str
    version: int
    topic: str
    body: bytes


@dataclass(slots=True)
class Log:
    """What a file is to SQLite: it outlives the journals that are opened on it."""

    events: list[Row] = field(default_factory=list)
    streams: dict[str, list[Row]] = field(default_factory=dict)
    executions: dict[str, IndexRow] = field(default_factory=dict)

    def append(self, entries: Sequence[Entry]) -> tuple[list[bool], int]:
        """Stores all entries or none; whether each was, and the last position."""
        answer: list[bool] = []
        rows: list[Row] = []
        versions: dict[str, int] = {}
        index: dict[str, IndexRow] = {}
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
            answer.append(True)
        for row in rows:
            self.events.append(row)
            self.streams.setdefault(row.execution_id, []).append(row)
        self.executions.update(index)
        return answer, len(self.events)

    def _check(self, entry: Entry, pending: int | None) -> None:
        stream = self.streams.get(entry.execution_id)
        version = pending if pending is not None else stream[-1].version if stream else None
        if version != entry.expected and not (version is None and entry.expected <= 0):
            raise VersionConflict(entry.execution_id, entry.expected)

    def page(self, scan: Scan) -> list[IndexRow]:
        """One page of the index, in the order that `Scan` promises."""
        found = [
            row
            for row in self.executions.values()
            if row.state in scan.states and scan.workflow in (None, row.workflow)
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
