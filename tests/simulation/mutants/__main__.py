"""Hunts all mutants: `python -m tests.simulation.mutants`, as `make mutants` does."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.simulation.mutants.hunting import MUTANTS, Catch, hunt

SHOWN = 90
FILE_COLUMNS = 180


def main(
    *,
    limit: Annotated[int, typer.Option(min=1, help="Worlds for each, at most.")] = 10_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    only: Annotated[str, typer.Option(help="Only those with one of these, by comma.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Shows by which check each mutant is caught, and after how many worlds."""
    names = [name for name in MUTANTS if any(part in name for part in only.split(","))]
    console = Console(stderr=True)
    catches = list(track(hunted(names, limit, workers), "hunting", len(names), console=console))
    if as_json:
        json.dump([asdict(each) for each in catches], sys.stdout)
        return
    table = Table("mutant", "worlds", "caught by", "which says", box=None)
    for each in sorted(catches, key=lambda each: each.worlds):
        caught = f"{each.worlds:,}" if each.check else f"not in {each.worlds:,}"
        table.add_row(each.name, caught, each.check, each.text[:SHOWN])
    screen = Console() if sys.stdout.isatty() else Console(width=FILE_COLUMNS)
    screen.print(table)
    caught = sum(bool(each.check) for each in catches)
    screen.print(f"caught {caught} of {len(catches)}")
    raise typer.Exit(int(caught < len(catches)))


def hunted(names: list[str], limit: int, workers: int) -> Iterator[Catch]:
    """Each in a process of its own."""
    with get_context("fork").Pool(workers, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(partial(hunt, limit=limit), names)


if __name__ == "__main__":
    typer.run(main)
