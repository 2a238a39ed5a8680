"""A second process for the tests: opens a journal, does one thing there, tells of it in JSON lines.

Run as `python -m tests.journals.visits WHAT URL`. Told to stay, it stays until it is killed.
"""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from perdure.domain.errors import JournalError
from perdure.domain.journal import Scan
from perdure.infrastructure.journals import open_journal
from tests.journals.submissions import lengths, payment, start, started_with, step

NOBODY = 65534
Visit = Callable[[str], Coroutine[Any, Any, None]]


def tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)  # noqa: T201


async def stay(url: str) -> None:
    """Holds the journal until it is killed."""
    journal = await open_journal(url)
    tell(open=True)
    signal.pause()
    await journal.close()


async def stay_with_child(url: str) -> None:
    """The same after an append, with a forked child that outlives it."""
    journal = await open_journal(url)
    await journal.append([start(payment(1))])
    if os.fork() == 0:
        tell(child=os.getpid())
    signal.pause()
    await journal.close()


async def use_in_child(url: str) -> None:
    """Appends in a forked child, to a journal that the parent has opened, then in the parent."""
    both = [payment(1), payment(2)]
    journal = await open_journal(url)
    await journal.append([start(payment(1))])
    child = os.fork()
    if child == 0:
        try:
            await journal.append([start(payment(2))])
        except JournalError as error:
            tell(error=type(error).__name__, text=str(error))
        await journal.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)  # noqa: ASYNC222 (nothing else goes on here)
    tell(child=os.waitstatus_to_exitcode(status), stored=await lengths(journal, *both))
    accepted = await journal.append([step(payment(1), 2), start(payment(2))])
    tell(accepted=list(accepted), stored=await lengths(journal, *both))
    await journal.close()


async def write_on(url: str) -> None:
    """Appends batches without an end, and tells of each that is durable."""
    journal = await open_journal(url)
    number = 0
    while True:
        await journal.append([start(payment(number * 10 + each)) for each in range(10)])
        await journal.append([step(payment(number * 10 + each), 2) for each in range(10)])
        number += 1
        tell(batches=number)


async def open_unprivileged(url: str) -> None:
    """Opens without the rights of root, to write and to look."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    for read_only in (False, True):
        try:
            journal = await open_journal(url, read_only=read_only)
            tell(found=len(await journal.scan(Scan())))
            await journal.close()
        except JournalError as error:
            tell(error=type(error).__name__, text=str(error))


async def write_beyond_limit(url: str) -> None:
    """Appends more than files may grow by, then with the limit lifted."""
    journal = await open_journal(url)
    await journal.append([start(payment(1))])
    large = start(payment(2))
    large.events[0] = started_with(b'"' + b"x" * 1_000_000 + b'"')
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
    for _ in range(2):
        try:
            await journal.append([step(payment(1), 2), large])
        except JournalError as error:
            tell(error=type(error).__name__, text=str(error))
    tell(stored=len(await journal.read([payment(1), payment(2)])))
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await journal.append([step(payment(1), 2), large])
    tell(stored=len(await journal.read([payment(1), payment(2)])))
    await journal.close()


async def open_beyond_limit(url: str) -> None:
    """Opens a journal where no file may grow at all."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        await open_journal(url)
    except JournalError as error:
        tell(error=type(error).__name__, text=str(error))


VISITS: dict[str, Visit] = {
    visit.__name__: visit
    for visit in (
        stay,
        stay_with_child,
        use_in_child,
        write_on,
        open_unprivileged,
        write_beyond_limit,
        open_beyond_limit,
    )
}

if __name__ == "__main__":
    asyncio.run(VISITS[sys.argv[1]](sys.argv[2]))
