"""Where the CPU time goes: the loop's thread, the writer's, and the server's process for it."""

import os
import threading
from pathlib import Path

from benchmarks.figures import Figures, line
from benchmarks.machine import Place
from benchmarks.schemas import KINDS, Schema
from benchmarks.worker import open_worker, patient_collector
from benchmarks.workflow import Payment

TICKS = os.sysconf("SC_CLK_TCK")
OWN = Path("/proc/self/task")
WRITERS = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = 'perdure writer' AND datname = current_database()
"""


class Seconds:
    """CPU time of a thread or process, as /proc tells it, from here on."""

    def __init__(self, *places: Path) -> None:
        self._places = places
        self._before = sum(map(cpu_seconds, places))

    def microseconds_each(self, count: int) -> float:
        spent = sum(map(cpu_seconds, self._places)) - self._before
        return round(spent * 1_000_000 / count, 1)


async def costs(place: Place, payment: Payment, count: int) -> Figures:
    """Microseconds of CPU for each workflow, all started at once; on Linux."""
    with patient_collector():
        async with open_worker(place.url, payment, count) as worker:
            await worker.warm_up()
            loop = Seconds(OWN / str(threading.get_native_id()))
            writer = Seconds(*(OWN / str(each.native_id) for each in threads("(writer)")))
            server = Seconds(*server_processes(place.url))
            seconds = await worker.run_all(count)
            figures: Figures = {
                "wf_s": round(count / seconds, 1),
                "wall_us_per_wf": round(seconds * 1_000_000 / count, 1),
                "loop_us_per_wf": loop.microseconds_each(count),
                "writer_us_per_wf": writer.microseconds_each(count),
                "server_us_per_wf": server.microseconds_each(count),
            }
    return line("costs", count, figures)


def threads(ending: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.endswith(ending)]


def server_processes(url: str) -> list[Path]:
    """Those of a server on this machine that write for us; none for a file."""
    if not url.startswith(KINDS):
        return []
    with Schema(url).connect() as connection:
        found = connection.execute(WRITERS).fetchall()
    return [place for (pid,) in found if (place := Path(f"/proc/{pid}")).exists()]


def cpu_seconds(place: Path) -> float:
    fields = (place / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
