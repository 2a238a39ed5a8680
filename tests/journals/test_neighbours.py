"""A process on the same machine that is gone: its shards are taken at once, whatever its lease."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from perdure.infrastructure.journals import open_journal
from perdure.infrastructure.postgres import neighbour
from perdure.infrastructure.postgres.neighbour import is_gone, this_process
from tests.journals.stores import PostgresStore

TELL = """
import sys
from perdure.infrastructure.postgres.neighbour import this_process
print(this_process(), flush=True)
sys.stdin.read()
"""
HOLD = """
import asyncio, sys
from perdure.infrastructure.journals import open_journal

async def hold():
    journal = await open_journal(sys.argv[1], lease_seconds=600)
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold())
"""


@contextmanager
def python(program: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=pipe, stdout=pipe, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_for_its_end(process: "subprocess.Popen[str]") -> None:
    """Not asking for its status: it stays what is called a zombie."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def test_a_process_is_gone_when_it_has_ended_and_not_before() -> None:
    # behaviour 50
    with python(TELL) as process:
        told = first_line(process)
        assert not is_gone(told)
        process.send_signal(signal.SIGSTOP)  # as long as it can go on
        assert not is_gone(told)
        process.kill()
        wait_for_its_end(process)
        assert is_gone(told)
        process.wait()
        assert is_gone(told)


def test_another_process_of_the_same_number_is_not_it() -> None:
    mine = this_process()
    assert mine is not None
    assert not is_gone(mine)
    before, _, started = mine.rpartition(" ")
    assert is_gone(f"{before} {int(started) - 1}")


@pytest.mark.parametrize("told", ["", "?", "boot pid:[1] 1 2", "a b c", "boot pid:[1] one 2"])
def test_of_another_machine_nothing_is_known(told: str) -> None:
    assert not is_gone(told)


def test_what_the_system_does_not_tell_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user's process where /proc hides it."""
    mine = this_process()
    assert mine is not None
    monkeypatch.setattr(neighbour, "_fields", hidden)
    assert this_process() is None
    assert not is_gone(mine)


def hidden(_: object) -> list[str]:
    raise FileNotFoundError


async def test_whoever_waits_has_the_shards_as_soon_as_their_owner_is_killed(
    server: PostgresStore,
) -> None:
    # behaviour 50
    with python(HOLD, server.url) as owner:
        assert first_line(owner) == "held"
        waiting = asyncio.create_task(open_journal(server.url))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.5)
        killed = time.monotonic()
        owner.kill()
        journal = await asyncio.wait_for(waiting, 30)
        assert time.monotonic() - killed < 30  # of 600
        await journal.close()


async def test_the_lease_of_a_process_elsewhere_is_waited_for(server: PostgresStore) -> None:
    # behaviour 49
    with python(HOLD, server.url) as owner:
        assert first_line(owner) == "held"
        server.execute("UPDATE runner SET process = replace(process, 'pid:', 'other:')")
        owner.kill()
        owner.wait()
        waiting = asyncio.create_task(open_journal(server.url))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 1)
        server.execute("UPDATE runner SET expires_at = clock_timestamp()")
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        journal = await asyncio.wait_for(open_journal(server.url), 10)
        await journal.close()


async def test_one_whose_connection_the_server_still_has_is_waited_for(
    server: PostgresStore,
) -> None:
    """Copies of a virtual machine have the same name, and each its own processes."""
    # behaviour 49
    mine = this_process()
    assert mine is not None
    first = await server.open()
    server.execute(
        "UPDATE runner SET process = %s, expires_at = clock_timestamp() + interval '1 h'",
        (f"{mine}0",),
    )
    waiting = asyncio.create_task(server.open())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 1)
    await first.close()
    second = await asyncio.wait_for(waiting, 10)
    await second.close()
