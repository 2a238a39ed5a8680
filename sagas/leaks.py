"""Bodies that would not leave: kept for ever, counted, and not run again by this engine.

Finalised, such a body runs on outside its loop, where it never ends: in the garbage collector, or
at the exit of the process, which hangs. So each gets a reference that nobody gives back.
"""

import ctypes
import logging

from perdure.domain.errors import Blocked
from perdure.sagas.body import BodyRun
from perdure.sagas.errors import BodyDoesNotLeave
from perdure.sagas.log_fields import about_execution, escaped
from perdure.sagas.whereabouts import line_of_task

log = logging.getLogger("perdure")


class Leaks:
    """See the module. One for an engine or a client; `blocked` tells why, by execution id."""

    __slots__ = ("blocked", "count")

    def __init__(self) -> None:
        self.blocked: dict[str, Blocked] = {}
        self.count = 0

    def keep(self, body: BodyRun) -> BodyDoesNotLeave:
        """Takes one whose dismissal said that it did not end, and tells of it."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(body))
        self.count += 1
        lines = (line_of_task(task) for task in body.loop.tasks if not task.done())
        where = next(filter(None, lines), body.workflow.where)
        error = BodyDoesNotLeave(body.loop.execution_id, where)
        log.warning(
            "%s. Bodies kept in memory for good: %s",
            escaped(error),
            self.count,
            extra=about_execution(body.loop.execution_id, body.loop.feed),
        )
        return error
