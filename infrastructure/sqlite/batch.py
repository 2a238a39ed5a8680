"""A batch of entries as the lists and the blob that one flush takes."""

import sqlite3
from collections.abc import Sequence

import msgspec

from perdure.domain.identity import Identity
from perdure.domain.journal import IndexRow
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.sqlite.flush import STORE


class Batch:
    """Grows entry by entry. `taken` are the ids that a start may not have."""

    __slots__ = (
        *("bodies", "claimed", "claims", "ends", "events", "expected", "key_id"),
        *("offset", "settles", "taken", "torn", "updates"),
    )

    def __init__(self, taken: frozenset[str]) -> None:
        self.taken = taken
        self.claimed: set[str] = set()
        self.claims: list[tuple[object, ...]] = []
        self.updates: dict[str, tuple[object, ...]] = {}  # of two in one batch the last holds
        self.events: list[tuple[int, str, int, str, int, int]] = []
        self.expected: list[tuple[int, str, int]] = []
        self.bodies: list[bytes] = []
        self.offset = 1
        self.settles: dict[str, tuple[object, ...]] = {}
        self.ends: dict[str, int] = {}  # the versions that this batch brings its streams to
        self.torn = False
        self.key_id: str | None = None  # one for all of a flush

    def add(self, entry: Entry) -> bool:
        """Whether the entry is in; a start whose id is taken is not."""
        index = entry.index
        if index is not None:
            if not entry.claims:
                self.updates[entry.execution_id] = update(index)
            elif entry.execution_id in self.taken or entry.execution_id in self.claimed:
                return False
            else:
                self.claimed.add(entry.execution_id)
                self.claims.append(claim(index))
                self.updates.pop(entry.execution_id, None)  # which came before, and found no row
        if entry.rows:
            self._add_rows(entry)
        for each in entry.settles:
            self.torn |= each.envelope_id in self.settles
            row = (each.shard, each.envelope_id, each.settled, each.reply.decode())
            self.settles[each.envelope_id] = row
        return True

    def _add_rows(self, entry: Entry) -> None:
        self.key_id = entry.key_id
        execution_id, shard, version = entry.execution_id, entry.shard, entry.expected
        end = self.ends.get(execution_id)
        if end is not None:
            self.torn |= end != version
        elif version > 0:
            self.expected.append((shard, execution_id, version))
        offset = self.offset
        for topic, body in entry.rows:
            version += 1
            length = len(body)
            self.events.append((shard, execution_id, version, topic, offset, length))
            self.bodies.append(body)
            offset += length
        self.offset = offset
        self.ends[execution_id] = version

    def store(self, connection: sqlite3.Connection) -> None:
        """Raises IntegrityError if an id is taken, or a stream not where an entry expects it."""
        if self.torn:
            raise sqlite3.IntegrityError("two entries of one stream do not join")
        if self.claims or self.updates or self.events or self.settles:
            updates = as_json([*self.updates.values()])
            lists = (as_json(self.claims), updates, as_json(self.events))
            settles = as_json([*self.settles.values()])
            bodies = b"".join(self.bodies) or b"\x00"  # of an empty blob SQLite cuts NULL
            row = (*lists, bodies, as_json(self.expected), settles, self.key_id)
            connection.executemany(STORE, (row,))  # unlike `execute` it asks for no last row id


def claim(row: IndexRow) -> tuple[object, ...]:
    return (
        row.shard,
        row.execution_id,
        row.workflow,
        Identity.of(row.execution_id).key,
        row.state,
        row.due,
        row.started,
        row.changed,
        row.reason,
        row.tags or {},
    )


def update(row: IndexRow) -> tuple[object, ...]:
    return (row.state, row.due, row.changed, row.reason, row.shard, row.execution_id)


def as_json(elements: Sequence[object]) -> str | None:
    """The elements for json_each; None, of which it makes no rows, if there are none."""
    return msgspec.json.encode(elements).decode() if elements else None
