"""A tenure: the shards that a runner owns, with their epochs and the position that each is at."""

from collections import Counter
from collections.abc import Mapping, Sequence

from perdure.domain.errors import LostLease


class Tenure:
    """For the thread of the writer. A shard's events have positions without gaps, from 1."""

    __slots__ = ("_epochs", "_heads", "_where", "runner", "writer")

    def __init__(
        self, where: str, runner: str, epochs: Mapping[int, int], heads: Mapping[int, int]
    ) -> None:
        self._where = where
        self.runner = runner
        self.writer = 0  # what its appends call themselves, beside the runner
        self._epochs = dict(epochs)
        self._heads = dict(heads)  # the last position of each

    def epoch(self, shard: int) -> int:
        """Raises LostLease when the shard is not ours."""
        try:
            return self._epochs[shard]
        except KeyError:
            raise LostLease(f"{self._where}: shard {shard} is another engine's") from None

    def positions(self, shards: Sequence[int]) -> list[int]:
        """The next position for each of these events, in their order. Changes nothing."""
        heads = self._heads
        following: dict[int, int] = {}
        found = []
        for shard in shards:
            head = following[shard] = following.get(shard, heads.get(shard, 0)) + 1
            found.append(head)
        return found

    def moved(self, shards: Sequence[int]) -> None:
        """An event was stored in each of these."""
        for shard, count in Counter(shards).items():
            self._heads[shard] = self._heads.get(shard, 0) + count

    def head(self, shard: int) -> int:
        """The last position of a shard."""
        return self._heads.get(shard, 0)
