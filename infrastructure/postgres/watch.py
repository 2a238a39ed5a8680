"""A watch over whoever owns the shards: whether it has given no sign of life for a whole lease.

The database's clock ends a lease, and may be set back meanwhile: then the end is far away. So a
candidate counts the lease by its own clock too, from when it saw the last renewal, which the owner
began before that. The owner counts likewise, and a third less: it has stopped by then.
"""

from perdure.infrastructure.postgres.lease import Occupied, renewed


class Watch:
    """Of one candidate. Seconds are of a clock that does not jump."""

    __slots__ = ("_seen", "_since")

    def __init__(self) -> None:
        self._seen: Occupied | None = None
        self._since = 0.0

    def saw(self, owner: Occupied, now: float) -> None:
        """It was looked up before `now`."""
        if self._seen is None or renewed(self._seen, owner):
            self._seen, self._since = owner, now

    def left(self, now: float) -> float:
        """How many seconds more until it is silent, unless it renews."""
        return 0.0 if self._seen is None else self._since + self._seen.lease_seconds - now

    def silent(self, now: float) -> Occupied | None:
        """The owner that may be given up, as it was seen."""
        return self._seen if self.left(now) <= 0 else None
