"""The command line of the benchmarks. Each command prints one line of JSON on stdout.

Without --json a table of the same goes before it, on stderr.
"""

import asyncio
import json
from typing import Annotated

import typer

from benchmarks import program
from benchmarks.branches import hold, in_own_process, memory
from benchmarks.costs import costs
from benchmarks.crash import crash
from benchmarks.encryption import RING, pairs
from benchmarks.machine import place_for
from benchmarks.on_servers import app as on_servers
from benchmarks.operators import Parked, resolved, serve_parked
from benchmarks.options import AsJson, Duplicates, InFlight, InThreads, Journal, Workflows, show
from benchmarks.orders import orders, serve
from benchmarks.replaying import replays
from benchmarks.simulating import simulated
from benchmarks.workflow import Shape, payment
from benchmarks.works import latency, throughput

app = typer.Typer(
    help="What Perdure costs. docs/how_to/measure.md says what the figures mean.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(on_servers)


@app.command("throughput")
def measure_throughput(
    *,
    journal: Journal = "sqlite",
    workflows: Workflows = 5000,
    in_threads: InThreads = False,
    in_flight: InFlight = 0,
    duplicates: Duplicates = 0,
    encrypted: Annotated[bool, typer.Option("--encrypted", help="With keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """Workflows a second, all started at once."""
    with place_for(journal) as place:
        figures = asyncio.run(
            throughput(
                place,
                payment(Shape(in_threads=in_threads)),
                workflows,
                in_flight=in_flight or workflows,
                duplicates_percent=duplicates,
                keys=RING if encrypted else None,
            )
        )
    show(figures, as_json=as_json)


@app.command("latency")
def measure_latency(
    *,
    journal: Journal = "sqlite",
    workflows: Workflows = 300,
    in_threads: InThreads = False,
    in_flight: InFlight = 512,
    as_json: AsJson = False,
) -> None:
    """Milliseconds from start to result, one at a time, beside the disk's fdatasync."""
    with place_for(journal) as place:
        work = payment(Shape(in_threads=in_threads))
        figures = asyncio.run(latency(place, work, workflows, in_flight=in_flight or workflows))
    show(figures, as_json=as_json)


@app.command("costs")
def measure_costs(
    *, journal: Journal = "sqlite", workflows: Workflows = 5000, as_json: AsJson = False
) -> None:
    """Microseconds of CPU for each workflow: of the loop, the writer's thread, the server."""
    with place_for(journal) as place:
        figures = asyncio.run(costs(place, payment(Shape()), workflows))
    show(figures, as_json=as_json)


@app.command("orders")
def measure_orders(
    *,
    journal: Journal = "sqlite",
    count: Annotated[int, typer.Option("--orders", min=1, help="How many are measured.")] = 300,
    load: Annotated[
        int, typer.Option(min=0, help="Executions in flight, at the engine's limit; 0: it idles.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Milliseconds until an order of a client is taken by an engine in another process."""
    if journal.startswith("memory"):
        raise typer.BadParameter("a journal in memory has no other process; use sqlite")
    with place_for(journal) as place:
        figures = asyncio.run(orders(place, payment(Shape()), count, load=load))
    show(figures, as_json=as_json)


@app.command("serve", hidden=True)
def serve_orders(url: str, load: int) -> None:
    """The engine of `orders`."""
    asyncio.run(serve(url, payment(Shape()), load))


@app.command("resolve")
def measure_resolve(
    *,
    executions: Annotated[int, typer.Option(min=1, help="How many are parked.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Seconds until one command has resolved all stuck, or resumed all suspended executions."""
    show(resolved(executions), as_json=as_json)


@app.command("serve-parked", hidden=True)
def serve_parked_executions(url: str, parked: Parked, count: int) -> None:
    """The engine of `resolve`."""
    asyncio.run(serve_parked(url, parked, count))


@app.command("crash")
def measure_crash(
    *, journal: Journal = "sqlite", workflows: Workflows = 1000, as_json: AsJson = False
) -> None:
    """Kills a worker with all its workflows in activity 3; seconds until a new one is through."""
    if journal.startswith("memory"):
        raise typer.BadParameter("a journal in memory ends with its process; use sqlite")
    with place_for(journal) as place:
        figures = crash(place, workflows)
    show(figures, as_json=as_json)


@app.command("memory")
def measure_memory(
    *,
    journal: Journal = "sqlite",
    workflows: Annotated[int, typer.Option(min=4, help="Executions that run at once.")] = 4000,
    started: Annotated[
        int, typer.Option(min=10, help="Executions started, against a third of them.")
    ] = 60_000,
    as_json: AsJson = False,
) -> None:
    """Bytes for each running execution and open branch, and of many that wait for room."""
    if journal.startswith("memory"):
        raise typer.BadParameter("a journal in memory holds everything there; use sqlite")
    show(memory(journal, workflows, started), as_json=as_json)


@app.command("replay")
def measure_replay(
    *, journal: Journal = "sqlite", workflows: Workflows = 5000, as_json: AsJson = False
) -> None:
    """Events a second that are read, decoded and replayed."""
    with place_for(journal) as place:
        figures = asyncio.run(replays(place, payment(Shape()), workflows))
    show(figures, as_json=as_json)


@app.command("encryption")
def measure_encryption(
    *,
    journal: Journal = "sqlite",
    workflows: Workflows = 5000,
    count: Annotated[int, typer.Option("--pairs", min=1, help="Runs of each kind.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Workflows a second, and CPU time, with keys and without, in turn, and their ratios."""
    if journal.startswith("memory"):
        raise typer.BadParameter("a journal in memory is never encrypted; use sqlite")
    show(pairs(journal, workflows, count), as_json=as_json)


@app.command("hashes")
def measure_hashes(
    *,
    workflows: Annotated[
        int, typer.Option(min=4, help="Executions in flight, against a quarter of them.")
    ] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Workflows a second with many in flight and few: tasks whose hashes collide would show."""
    rates = []
    for count in (workflows // 4, workflows):
        options = ("--journal", "memory", "--workflows", str(count), "--json")
        told = json.loads(" ".join(in_own_process("throughput", *options)))
        rates.append(told["wf_s"])
    few, many = rates
    figures = {"label": "perdure", "work": "hashes", "n": workflows}
    show(figures | {"wf_s": many, "wf_s_few": few, "ratio": round(many / few, 2)}, as_json=as_json)


@app.command("simulator")
def measure_simulator(
    *,
    worlds: Annotated[int, typer.Option(min=1, help="How many are played.")] = 2000,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Seeded worlds a second on one core, with all their checks."""
    show(simulated(worlds, first), as_json=as_json)


@app.command("program")
def run_program(
    mode: Annotated[str, typer.Argument(help=", ".join(program.MODES))],
    workflows: Annotated[int, typer.Argument(min=1)],
) -> None:
    """The worker alone, for a kit that meters it: says READY and DONE, and waits on stdin."""
    if mode not in program.MODES:
        raise typer.BadParameter(f"{mode!r} is none of {', '.join(program.MODES)}")
    program.run(mode, workflows)


@app.command("hold", hidden=True)
def hold_executions(journal: str, count: int, branches: int, in_flight: int) -> None:
    """One process of `memory`: prints its memory in bytes, and its peak in MiB."""
    told = asyncio.run(hold(journal, count, branches, in_flight))
    print(told["rss_bytes"], told["peak_mib"])


if __name__ == "__main__":
    app()
