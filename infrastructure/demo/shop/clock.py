"""The shop's clock: the only place of the outside world that reads the time or waits."""

import asyncio
from datetime import UTC, datetime


def now() -> str:
    """The time as it is written into the books: ISO 8601 in UTC, which also sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


async def pause(seconds: float) -> None:
    """Lets a slow answer be slow."""
    await asyncio.sleep(seconds)
