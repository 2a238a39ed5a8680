"""Neighbours: whether the process of another runner, on this very machine, is gone for certain.

What is gone appends nothing and starts nothing more, so that nobody has to wait for its lease.
Where this cannot be known (another machine, another container, no /proc) the answer is no.
"""

import os
from pathlib import Path

PROCESSES = Path("/proc")
GONE = frozenset("ZXx")  # states of what is left of a process until its parent asks for it


def this_process() -> str | None:
    """By which `is_gone` knows this process, as long as its machine is up; None where it cannot."""
    try:
        return f"{_place()} {os.getpid()} {_started(os.getpid())}"
    except (OSError, LookupError):
        return None


def is_gone(process: str) -> bool:
    """Whether this process ran on this machine, since it was last started, and runs no more."""
    try:
        *place, process_id, started = process.split(" ")
        if " ".join(place) != _place():
            return False
        os.kill(int(process_id), 0)  # asks only; unlike /proc it tells of other users' too
        return _is_dead(int(process_id)) or _started(int(process_id)) != started
    except ProcessLookupError:
        return True
    except (OSError, LookupError, ValueError):
        return False


def _place() -> str:
    """The machine since it was started, and the container in which process ids are meant."""
    boot = (PROCESSES / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {(PROCESSES / 'self/ns/pid').readlink()}"


def _is_dead(process_id: int) -> bool:
    """Whether no thread of it runs any more, although nobody has asked for its end yet."""
    threads = [*(PROCESSES / f"{process_id}/task").iterdir()]
    return all(_fields(each)[0] in GONE for each in threads)


def _started(process_id: int) -> str:
    """When, in ticks since the machine was."""
    return _fields(PROCESSES / str(process_id))[19]


def _fields(place: Path) -> list[str]:
    """What /proc says of a process or thread, from its state on: its name may hold anything."""
    return (place / "stat").read_text().rpartition(")")[2].split()
