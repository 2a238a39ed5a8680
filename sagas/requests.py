"""What a body asks for: run this activity, set this timer, suspend here.

A request is made when the body awaits, gets its ordinal when the feed is at rest, and stays open
until it is answered or the body waits for it no longer. Who answers is the attempt's matter.
"""

import asyncio
import math
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from perdure.sagas.activity import Activity
    from perdure.sagas.callbacks import TimerCallback
    from perdure.sagas.loop import BodyLoop


class Answer(asyncio.Future[Any]):
    """The future behind a request; tells the loop when the body stops waiting for it."""

    __slots__ = ("body_loop", "open", "ordinal")

    def __init__(self, loop: "BodyLoop") -> None:
        super().__init__(loop=loop)
        self.body_loop = loop
        self.ordinal = 0  # none yet
        self.open = True

    def set_exception(self, exception: Any) -> None:
        """As a future's. Where failures come in a group, their order is that of the requests."""
        exception.request_ordinal = self.ordinal
        super().set_exception(exception)

    def cancel(self, msg: Any | None = None) -> bool:
        if not super().cancel(msg):
            return False
        if self.open:
            self.open = False
            if self.ordinal:
                self.body_loop.dropped.append(cast("Request", self))
        return True


class ActivityRequest(Answer):
    """Run this activity with these arguments (encoded)."""

    __slots__ = ("activity", "arguments")

    def __init__(self, loop: "BodyLoop", activity: "Activity[..., Any]", arguments: bytes) -> None:
        super().__init__(loop)
        self.activity = activity
        self.arguments = arguments


class SuspendRequest(Answer):
    """Park the whole execution until somebody resumes it."""

    __slots__ = ("reason",)

    def __init__(self, loop: "BodyLoop", reason: str) -> None:
        super().__init__(loop)
        self.reason = reason


class TimerRequest:
    """Wake the body at this time (microseconds since 1970, whole milliseconds)."""

    __slots__ = ("due", "handle", "open", "ordinal")

    def __init__(self, handle: "TimerCallback", due: int) -> None:
        self.handle = handle
        self.due = due
        self.ordinal = 0
        self.open = True


Request: TypeAlias = ActivityRequest | SuspendRequest | TimerRequest


LAST_DUE = 253_402_300_799_000_000  # the last second of the year 9999: as good as never


def round_up_to_milliseconds(when: float) -> int:
    """Seconds to microseconds, in whole milliseconds, never early, never after LAST_DUE.

    A float of today's seconds is good to 0.24 microseconds; what is nearer than half a microsecond
    to a millisecond is that millisecond. ValueError for what is no number.
    """
    if math.isnan(when):
        raise ValueError("a timer cannot be due at a time that is no number (NaN)")
    microseconds = round(min(max(when, 0.0), LAST_DUE / 1_000_000) * 1_000_000)
    return -(-microseconds // 1000) * 1000
