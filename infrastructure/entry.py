"""A submission as rows: what a driver sees. Encoding happens once, above the drivers.

The codec makes the rows of a journal's submissions; the library's recorders bring rows of their
own. Both go through the same append of a driver.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perdure.domain.errors import VersionConflict
from perdure.domain.journal import IndexRow, Submission
from perdure.domain.mailbox import Settlement
from perdure.infrastructure import codec
from perdure.infrastructure.errors import Unstorable

LATEST = 2**63 - 1  # what an integer of a store can be


@dataclass(slots=True)
class Entry:
    """Topics and bodies to append to one stream behind the version `expected`.

    Streams begin with 1, those of the library's recorders may begin with 0: there `expected` is -1.
    """

    execution_id: str
    shard: int
    expected: int
    rows: Sequence[tuple[str, bytes]]
    index: IndexRow | None = None
    settles: Sequence[Settlement] = ()

    @property
    def conflict(self) -> VersionConflict:
        """What is raised when its stream is not where it expects it."""
        return VersionConflict(self.execution_id, self.expected)

    @property
    def claims(self) -> bool:
        """Whether this is a start, which is refused if its row of the index exists."""
        return self.expected == 0 and self.index is not None and bool(self.rows)


def encoded(submission: Submission) -> Entry:
    """The rows of a submission. Raises Unstorable."""
    encode = codec.encode
    index = submission.index
    if index is not None:
        for time in (index.due, index.started, index.changed):
            if time is not None and not -LATEST <= time <= LATEST:
                raise Unstorable(
                    f"{submission.execution_id}: the time {time} (microseconds since 1970) cannot "
                    "be stored; ask for one that a date can have"
                )
        if index.reason:
            index = replace(index, reason=codec.well_formed(index.reason))
    return Entry(
        submission.execution_id,
        submission.shard,
        submission.expected,
        [encode(event) for event in submission.events],
        index,
        submission.settles,
    )
