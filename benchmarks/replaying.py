"""Replay: how many recorded events a second are read, decoded, folded and fed to a body again."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.figures import Figures
from benchmarks.machine import Place
from benchmarks.worker import open_worker, patient_collector
from benchmarks.workflow import Payment
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.infrastructure.journals import open_journal
from perdure.sagas.callbacks import in_callback
from perdure.sagas.replay import replay

PORTION = 64  # streams that are read at once


class BadJournal(RuntimeError):
    """The journal does not hold what was just written."""


def replay_all(work: Payment, streams: Sequence[tuple[str, list[Event]]]) -> None:
    """Each body from its start to its end, payloads decoded by their declared types."""
    for identity, stream in streams:
        state = fold(identity, stream)
        request = work.decode_request(state.request)
        replay(work, identity, request, stream, state.versions)


async def replays(place: Place, work: Payment, count: int) -> Figures:
    """Runs this many workflows, then reads and replays them all."""
    with patient_collector():
        async with open_worker(place.url, work, count) as worker:
            await worker.run_all(count)
        journal = await open_journal(place.url)
        identities = [f"{work.name}@wf-{number}" for number in range(count)]
        events, reading, replaying = 0, 0.0, 0.0
        for first in range(0, count, PORTION):
            start = time.perf_counter()
            read = await journal.read(identities[first : first + PORTION])
            streams = []
            for identity, stream in read.items():
                if not isinstance(stream, list):
                    raise BadJournal(str(stream))
                streams.append((identity, stream))
                events += len(stream)
            middle = time.perf_counter()
            await in_callback(
                asyncio.get_running_loop(),
                lambda streams=streams: replay_all(work, streams),  # type: ignore[misc]
            )
            reading += middle - start
            replaying += time.perf_counter() - middle
        await journal.close()
    return {
        "label": "perdure",
        "work": "replay",
        "n": count,
        "events": events,
        "events_s": round(events / (reading + replaying)),
        "read_us_per_event": round(reading / events * 1e6, 2),
        "replay_us_per_event": round(replaying / events * 1e6, 2),
    }
