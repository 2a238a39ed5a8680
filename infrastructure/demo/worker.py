"""The demo's worker: an engine that takes the shop's orders, made to be killed.

`python -m perdure.infrastructure.demo.worker --journal URL --shop URL`. Nothing in it knows of a
crash: it takes all orders from the first page on, every time, since starting an order again joins
the execution that is there. It prints one line of JSON when its engine is open.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
from contextlib import suppress

from perdure import ExecutionParked, Failure, WorkflowEngine, open_engine
from perdure.domain.errors import ExecutionEnd
from perdure.infrastructure.demo.client import PlacedOrder
from perdure.infrastructure.demo.saga import process_payment, request_for, shop


async def work(journal: str, shop_url: str, at_once: int) -> None:
    """Takes every order, at most `at_once` at a time, and returns when all have ended."""
    async with shop.opened(shop_url) as client, open_engine(journal, [process_payment]) as engine:
        sys.stdout.write(json.dumps({"opened": journal}) + "\n")
        sys.stdout.flush()
        room = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as taken:
            async for order in client.orders():
                await room.acquire()
                task = taken.create_task(take(engine, order))
                task.add_done_callback(lambda _: room.release())


async def take(engine: WorkflowEngine, order: PlacedOrder) -> None:
    """Starts or joins the saga of one order and waits until it ends, whichever way."""
    handle = await engine.start(process_payment, request_for(order))
    # How it ended is in the journal, where the audit reads it; a worker has nothing to add.
    with suppress(Failure, ExecutionEnd, ExecutionParked):
        await handle.result()


def end_with_stdin() -> None:
    """Ends this process with the one that holds the other end of its stdin, however that died."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)
        os._exit(1)  # as good as a kill: the journal is made for it

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Works until every order has ended."""
    parser = argparse.ArgumentParser(prog="worker", description="Takes the orders of the shop.")
    parser.add_argument("--journal", required=True, help="where the engine keeps its journal")
    parser.add_argument("--shop", required=True, help="address of the shop")
    parser.add_argument("--at-once", type=int, default=50, help="orders that run at one time")
    options = parser.parse_args(arguments)
    end_with_stdin()
    asyncio.run(work(options.journal, options.shop, options.at_once))


if __name__ == "__main__":
    main(sys.argv[1:])
