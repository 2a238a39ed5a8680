"""A batch of entries as the arrays that one flush takes."""

from collections.abc import Sequence

import msgspec

from perdure.domain.identity import Identity
from perdure.domain.journal import IndexRow
from perdure.infrastructure.codec import FORMAT
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.postgres.arrays import (
    byteas,
    int4s,
    int8s,
    optional_int8s,
    texts,
)
from perdure.infrastructure.postgres.tenure import Tenure

ARGUMENTS = 38


class Batch:
    """Grows entry by entry, under a tenure, whose heads it moves once it is stored.

    `taken` are ids that a start may not have, as far as they are known.
    """

    def __init__(self, tenure: Tenure, taken: frozenset[str] = frozenset()) -> None:
        self._tenure = tenure
        self._taken = taken
        self.claims: dict[str, tuple[int, int, IndexRow]] = {}  # place from 1, shard, row
        self.updates: dict[str, IndexRow] = {}  # of two in one batch the last holds
        self.shards: list[int] = []
        self.ids: list[str] = []
        self.versions: list[int] = []
        self.topics: list[str] = []
        self.bodies: list[bytes] = []
        self.event_claims: list[int] = []
        self.expected: list[tuple[int, str, int]] = []
        self.settles: list[tuple[int, str, int, str, int]] = []
        self.ends: dict[str, int] = {}  # the versions that this batch brings its streams to
        self.torn = False
        self.doubtful = False  # more of it depends on whether the id of a start is taken
        self.key_id: str | None = None  # one for all of a flush

    def add(self, entry: Entry) -> bool:
        """Whether the entry is in; a start whose id is claimed in this batch is not."""
        index, claim = entry.index, 0
        if index is not None:
            if not entry.claims:
                self.updates[entry.execution_id] = index
            elif entry.execution_id in self.claims or entry.execution_id in self._taken:
                return False
            else:
                claim = len(self.claims) + 1
                self.claims[entry.execution_id] = (claim, entry.shard, index)
                self.doubtful |= entry.execution_id in self.updates
                self.updates.pop(entry.execution_id, None)  # which came before, and found no row
        if entry.rows:
            self._add_rows(entry, claim)
        for each in entry.settles:
            row = (each.shard, each.envelope_id, each.settled, each.reply.decode(), claim)
            self.settles.append(row)
        return True

    def _add_rows(self, entry: Entry, claim: int) -> None:
        self.key_id = entry.key_id
        execution_id, shard, version = entry.execution_id, entry.shard, entry.expected
        end = self.ends.get(execution_id)
        if end is not None:
            self.torn |= end != version
            self.doubtful |= execution_id in self.claims
        elif version > 0:
            self.expected.append((shard, execution_id, version))
        count = len(entry.rows)
        self.ends[execution_id] = version + count
        self.shards.extend([shard] * count)
        self.ids.extend([execution_id] * count)
        self.versions.extend(range(version + 1, version + count + 1))
        self.event_claims.extend([claim] * count)
        for topic, body in entry.rows:
            self.topics.append(topic)
            self.bodies.append(body)

    def arguments(self, runner: str, writer: int) -> tuple[object, ...]:
        """What the function takes. Raises LostLease for a shard that is not ours."""
        tenure = self._tenure
        touched = {*self.shards, *(shard for _, shard, _ in self.claims.values())}
        touched |= {index.shard for index in self.updates.values()}
        touched |= {settle[0] for settle in self.settles}
        fence = sorted(touched)
        epochs = [tenure.epoch(shard) for shard in fence]
        positions = tenure.positions(self.shards)
        claims = [row for _, _, row in self.claims.values()]
        updates = list(self.updates.values())
        return (
            runner,
            writer,
            int4s(fence),
            int8s(epochs),
            int4s([row.shard for row in claims]),
            texts([row.execution_id for row in claims]),
            texts([row.workflow for row in claims]),
            texts([Identity.of(row.execution_id).key for row in claims]),
            texts([row.state for row in claims]),
            optional_int8s([row.due for row in claims]),
            int8s([row.started for row in claims]),
            int8s([row.changed for row in claims]),
            texts([row.reason for row in claims]),
            texts([msgspec.json.encode(row.tags or {}).decode() for row in claims]),
            int4s([row.shard for row in updates]),
            texts([row.execution_id for row in updates]),
            texts([row.state for row in updates]),
            optional_int8s([row.due for row in updates]),
            int8s([row.changed for row in updates]),
            texts([row.reason for row in updates]),
            int4s(self.shards),
            texts(self.ids),
            int8s(self.versions),
            texts(self.topics),
            byteas(self.bodies),
            int8s(positions),
            int8s([tenure.epoch(shard) for shard in self.shards]),
            self.key_id,
            int4s(self.event_claims if self.claims else []),
            FORMAT,
            int4s([shard for shard, _, _ in self.expected]),
            texts([name for _, name, _ in self.expected]),
            int8s([version for _, _, version in self.expected]),
            int4s([settle[0] for settle in self.settles]),
            texts([settle[1] for settle in self.settles]),
            int8s([settle[2] for settle in self.settles]),
            texts([settle[3] for settle in self.settles]),
            int4s([settle[4] for settle in self.settles]),
        )

    def stored(self, taken: Sequence[str]) -> None:
        """Moves the heads of its shards by what was stored of it."""
        refused = {self.claims[name][0] for name in taken}
        if refused:
            kept = [
                shard
                for shard, claim in zip(self.shards, self.event_claims, strict=True)
                if claim not in refused
            ]
        else:
            kept = self.shards
        self._tenure.moved(kept)
