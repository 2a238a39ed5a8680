"""A submission as rows: what a driver sees. Encoding happens once, above the drivers.

The codec makes the rows of a journal's submissions; the library's recorders bring rows of their
own. Both go through the same append of a driver.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perdure.domain.errors import JournalUnavailable, VersionConflict
from perdure.domain.journal import IndexRow, Submission
from perdure.domain.mailbox import Settlement
from perdure.infrastructure import codec
from perdure.infrastructure.errors import BadKeys, Unstorable
from perdure.infrastructure.sealed_texts import sealed_index, sealed_settlement
from perdure.infrastructure.sealing import Seal, Sealer

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
    key_id: str | None = None  # of the key that its bodies are encrypted by

    @property
    def conflict(self) -> VersionConflict:
        """What is raised when its stream is not where it expects it."""
        return VersionConflict(self.execution_id, self.expected)

    @property
    def claims(self) -> bool:
        """Whether this is a start, which is refused if its row of the index exists."""
        return self.expected == 0 and self.index is not None and bool(self.rows)


def encoded(submission: Submission, seal: Seal | None = None) -> Entry:
    """The rows of a submission, sealed if there is a seal. Raises Unstorable."""
    encode = codec.encode
    index, events, settles = submission.index, submission.events, submission.settles
    if index is not None:
        for time in (index.due, index.started, index.changed):
            if time is not None and not -LATEST <= time <= LATEST:
                raise Unstorable(
                    f"{submission.execution_id}: the time {time} (microseconds since 1970) cannot "
                    "be stored; ask for one that a date can have"
                )
        if index.reason:
            index = replace(index, reason=codec.well_formed(index.reason))
    if seal is None:
        rows = [encode(event) for event in events]
    else:
        rows = seal.rows(submission.execution_id, submission.expected, map(encode, events))
        if index is not None and index.reason:
            index = sealed_index(index, seal)
        if settles:
            settles = [sealed_settlement(each, seal) for each in settles]
    return Entry(
        submission.execution_id,
        submission.shard,
        submission.expected,
        rows,
        index,
        settles,
        None if seal is None else seal.key_id,
    )


def encoded_all(submissions: Sequence[Submission], sealer: Sealer) -> list[Entry]:
    """Those of a flush, by one key. Raises Unstorable, and JournalUnavailable without a key."""
    try:
        seal = sealer.seal()
    except BadKeys as error:
        raise JournalUnavailable(f"nothing can be stored without a key: {error}") from error
    return [encoded(each, seal) for each in submissions]
