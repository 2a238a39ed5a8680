"""Plays seeded worlds: `python -m tests.simulation --seeds 10000`, as `make simulate` does.

The first that breaks is made as small as it can be, told as a story, and can be repeated by the
line that is printed.
"""

import gc
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from perdure.infrastructure.simulation import schedule as schedules
from perdure.infrastructure.simulation.schedule import Listed
from perdure.infrastructure.simulation.story import story
from perdure.sagas.watchdog import watchdog
from tests.simulation import setting as settings
from tests.simulation.playing import Playing, play
from tests.simulation.rolled import Rolled
from tests.simulation.setting import drawn
from tests.simulation.shortening import shortest
from tests.simulation.tally import Tally, every_fault, tally_of

CHUNK = 50

console = Console(highlight=False)


def main(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="How many worlds.")] = 10_000,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    seed: Annotated[int | None, typer.Option(help="This one alone, told as a story.")] = None,
    setting: Annotated[str, typer.Option(help="This world, as JSON, instead of a seed's.")] = "",
    schedule: Annotated[str, typer.Option(help="These faults, instead of a seed's.")] = "",
) -> None:
    """Plays seeded worlds on the engine, and checks all of them."""
    begin()
    if seed is not None or setting:
        made = settings.read(setting) if setting else drawn(seed or 0)
        rolled = Rolled(seed or 0) if seed is not None and not schedule else None
        playing = play(made, rolled or Listed(schedules.read(schedule)))
        tell(playing)
        raise typer.Exit(int(playing.problem is not None))
    tally = played(range(first, first + seeds), workers)
    console.print(table(tally))
    if tally.failures:
        broken = tally.failures[0][0]
        console.print(f"seed {broken} breaks; it is made smaller ...")
        tell(shortest(play(drawn(broken), Rolled(broken))))
        console.print(f"\nall that break: {', '.join(str(each[0]) for each in tally.failures)}")
    raise typer.Exit(int(bool(tally.failures)))


def begin() -> None:
    """For a process that plays worlds and does nothing else."""
    logging.disable(logging.CRITICAL)
    watchdog.open()  # once, and not for every engine
    gc.collect()
    gc.freeze()


def played(seeds: range, workers: int) -> Tally:
    tally, began = Tally(), time.perf_counter()
    columns = (
        TextColumn("worlds"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with (
        Progress(*columns, console=console) as progress,
        ProcessPoolExecutor(workers, initializer=begin) as pool,
    ):
        task = progress.add_task("", total=len(seeds), rate=0.0)
        for part in pool.map(tally_of, chunks(seeds)):
            tally.add(part)
            rate = tally.worlds / (time.perf_counter() - began)
            progress.update(task, advance=part.worlds, rate=rate)
    console.print(f"{tally}; {tally.worlds / (time.perf_counter() - began):,.0f} worlds a second")
    return tally


def chunks(seeds: range) -> Iterator[range]:
    for at in range(0, len(seeds), CHUNK):
        yield seeds[at : at + CHUNK]


def table(tally: Tally) -> Table:
    """How often each fault was met, and in which states."""
    found = Table("fault", "met", "in which states", box=None)
    for fault in every_fault():
        states = {state: count for (name, state), count in tally.met.items() if name == fault}
        total = states.pop("", 0)
        told = ", ".join(f"{state} {count:,}" for state, count in sorted(states.items()))
        found.add_row(fault, f"{total:,}", told)
    return found


def tell(playing: Playing) -> None:
    """What happened in it, what was wrong, and how to see it again."""
    broken = getattr(playing.problem, "execution_id", "")
    console.out(story(playing.world, broken))
    happened = schedules.written(playing.schedule.happened)
    problem = playing.problem
    said = "nothing is wrong with it" if problem is None else f"{playing.check}: {problem}"
    console.out(f"\n{said}\n\nonce more:")
    written = settings.written(playing.setting)
    console.out(f"  python -m tests.simulation --setting '{written}' --schedule '{happened}'")


if __name__ == "__main__":
    typer.run(main)
