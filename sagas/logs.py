"""Logs: what bodies and activities say, once, and with the execution that says it.

A body is run again on every replay; `logger` is silent then. Control characters are escaped, since
what is logged often comes from outside, and a line of the log is one line.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

from perdure.sagas.context import current
from perdure.sagas.log_fields import escaped
from perdure.sagas.loop import BodyLoop


class WorkflowLogger(logging.LoggerAdapter[logging.Logger]):
    """A standard logger for bodies and activities; elsewhere it is the plain one.

    Each record has `execution_id`, in a body `version` (of the event that it was last given), in an
    activity `attempt` and `idempotency_key`, as attributes for structured handlers.
    """

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 (logging's name)
        return not is_replaying() and super().isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """As Logger.log, but silent in a replay."""
        if self.isEnabledFor(level):
            text = str(msg) % args if args else str(msg)
            where, kwargs["extra"] = about(), {**about(), **(kwargs.get("extra") or {})}
            prefix = f"{where['execution_id']}: " if where else ""
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            self.logger.log(level, "%s", prefix + escaped(text), **kwargs)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, kwargs


def about() -> dict[str, Any]:
    """Who runs this code: an execution's body, an attempt, or neither."""
    loop = asyncio._get_running_loop()
    if isinstance(loop, BodyLoop):
        return {"execution_id": loop.execution_id, "version": loop.feed}
    attempt = current.get(None)
    if attempt is None:
        return {}
    return {
        "execution_id": attempt.execution_id,
        "attempt": attempt.attempt,
        "idempotency_key": attempt.idempotency_key,
    }


def is_replaying() -> bool:
    """Whether this code of a body has run before, and is only run again. False elsewhere.

    For logs and metrics; a body that asks for other things in a replay is not deterministic.
    """
    loop = asyncio._get_running_loop()
    return isinstance(loop, BodyLoop) and loop.replaying


logger = WorkflowLogger(logging.getLogger("perdure.workflow"))
