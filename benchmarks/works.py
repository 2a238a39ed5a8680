"""Throughput and latency, measured in this process, which is the worker and its callers."""

import time

from benchmarks.figures import Figures, line, percentile_ms
from benchmarks.machine import Disk, Place, peak_rss_mib
from benchmarks.worker import Worker, open_worker, patient_collector
from benchmarks.workflow import Payment
from perdure import KeyRing


class Costs:
    """CPU time and commits from here to `per_workflow`."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._flushes = worker.flushes
        self._cpu_seconds = time.process_time()

    def per_workflow(self, count: int) -> Figures:
        cpu_seconds = time.process_time() - self._cpu_seconds
        return {
            "worker_cpu_ms_per_wf": round(cpu_seconds * 1000 / count, 3),
            "rss_mib": round(peak_rss_mib(), 1),
            "commits_per_wf": round((self._worker.flushes - self._flushes) / count, 3),
        }


async def throughput(
    place: Place,
    payment: Payment,
    count: int,
    *,
    in_flight: int,
    duplicates_percent: int,
    keys: KeyRing | None = None,
) -> Figures:
    """All started at once; `wf_s` counts each workflow once, however often it was asked for."""
    with patient_collector():
        async with open_worker(place.url, payment, in_flight, keys=keys) as worker:
            await worker.warm_up()
            costs = Costs(worker)
            seconds = await worker.run_all(count, duplicates_percent=duplicates_percent)
            figures = {"wf_s": round(count / seconds, 1)} | costs.per_workflow(count)
    return line("throughput", count, figures)


async def latency(place: Place, payment: Payment, count: int, *, in_flight: int) -> Figures:
    """One at a time; after each of them the disk is timed, so that both meet the same moments."""
    latencies: list[float] = []
    syncs: list[float] = []
    with patient_collector(), Disk(place.folder) as disk:
        async with open_worker(place.url, payment, in_flight) as worker:
            await worker.warm_up()
            costs = Costs(worker)
            for number in range(count):
                start = time.perf_counter()
                await worker.execute(f"wf-{number}")
                latencies.append(time.perf_counter() - start)
                syncs.append(disk.sync_seconds())
            figures = costs.per_workflow(count)
    figures["wf_s"] = round(count / sum(latencies), 1)
    for percent in (50, 95, 99):
        figures[f"p{percent}_ms"] = percentile_ms(latencies, percent)
    figures["fdatasync_p50_ms"] = percentile_ms(syncs, 50)
    return line("latency", count, figures)
