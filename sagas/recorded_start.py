"""Who hears of submissions that no live execution stands behind."""

import asyncio
import logging
from collections.abc import Callable

from perdure.domain.errors import PerdureError
from perdure.domain.journal import Submission
from perdure.sagas.log_fields import about_execution, escaped

log = logging.getLogger("perdure")


class RecordedStart:
    """A start beyond the limit: recorded alone, its execution begins when there is room."""

    __slots__ = ("_started", "_stored")
    gone = False

    def __init__(self, stored: Callable[[], None], started: "asyncio.Future[bool]") -> None:
        self._stored = stored
        self._started = started

    def stored(self, submission: Submission) -> None:
        if not self._started.done():
            self._started.set_result(True)
        self._stored()

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        if self._started.done():
            return
        if error is None:
            self._started.set_result(False)
            self._stored()  # by an append of ours, perhaps, whose answer was lost
        else:
            self._started.set_exception(error)


class Nobody:
    """For changes of the index that nobody waits for; the next scan tries again."""

    gone = False

    def stored(self, submission: Submission) -> None:
        """Nothing follows."""

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        name = submission.execution_id
        log.warning(
            "%s: its state could not be noted: %s",
            escaped(name),
            escaped(error),
            extra=about_execution(name),
        )


class Noted(Nobody):
    """For a change of the index that somebody is told of once it is durable."""

    __slots__ = ("_done", "_tell")

    def __init__(self, tell: Callable[[], None], done: "asyncio.Future[None]") -> None:
        self._tell = tell
        self._done = done

    def stored(self, submission: Submission) -> None:
        self._tell()
        self._over()

    def refused(self, submission: Submission, error: PerdureError | None) -> None:
        super().refused(submission, error)
        self._over()

    def _over(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


NOBODY = Nobody()
