"""What a body may use besides asyncio: time, randomness, versions, suspension, all replayable."""

import asyncio
import hashlib
from collections.abc import Awaitable
from datetime import datetime, timedelta
from uuid import UUID

from perdure.domain.states import instant
from perdure.sagas.attempts import ActivitySuspended
from perdure.sagas.context import current
from perdure.sagas.errors import NotInWorkflow
from perdure.sagas.loop import BodyLoop

DOUBLE_BITS = 53


def now() -> datetime:
    """The time (UTC) of the event that the body was last given; the same on every replay."""
    return instant(_loop("now()").now)


def time_left() -> timedelta | None:
    """Until the deadline of this execution (below 0 after it); None when it has none."""
    loop = _loop("time_left()")
    if loop.deadline is None:
        return None
    return timedelta(microseconds=loop.deadline - loop.now)


def random() -> float:
    """Uniform in [0, 1), drawn from the execution's id; the same on every replay."""
    drawn = int.from_bytes(_draw("random()"))
    return (drawn >> (128 - DOUBLE_BITS)) / (1 << DOUBLE_BITS)


def uuid4() -> UUID:
    """A UUID drawn from the execution's id; the same on every replay."""
    return UUID(bytes=_draw("uuid4()"), version=4)


def version(change: str, current: int) -> int:
    """Which version of a change to the body holds for this execution.

    The first answer holds for its whole life: `current` for executions that come here for the first
    time with this code, 1 for those that passed here before the change was guarded.

    >>> if version("trusted-cards", 2) >= 2:
    ...     await check_trusted_card(request.payment_method)
    """
    _check_text(f"version({change!r}, ...)", change)
    if not isinstance(current, int) or current < 1:
        raise ValueError(f"version({change!r}, {current!r}): versions are ints from 1 on")
    return _loop("version()").version(change, current)


def suspend(reason: str) -> Awaitable[None]:
    """Parks the whole execution until somebody resumes it.

    In a body, await it: it returns after the resumption. In an activity it does not return: the
    attempt ends, and the resumption starts the next one.
    """
    _check_text(f"suspend({reason!r})", reason)
    loop = asyncio._get_running_loop()
    if isinstance(loop, BodyLoop):
        return _suspended(loop, reason)
    if current.get(None) is None:
        raise NotInWorkflow("suspend() works in a workflow's body and in an activity")
    raise ActivitySuspended(reason)


async def _suspended(loop: BodyLoop, reason: str) -> None:
    await loop.request_suspension(reason)


def _check_text(call: str, text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{call}: a {type(text).__name__} was given, and a str is recorded")


def _draw(what: str) -> bytes:
    loop = _loop(what)
    text = f"{loop.execution_id}\x00draw\x00{loop.draw()}"
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _loop(what: str) -> BodyLoop:
    loop = asyncio._get_running_loop()
    if not isinstance(loop, BodyLoop):
        raise NotInWorkflow(f"{what} works only in a workflow's body")
    return loop
