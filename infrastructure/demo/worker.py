"""The demo's worker: an engine that carries out the orders in its mailbox, made to be killed.

`python -m perdure.infrastructure.demo.worker --journal URL --shop URL`. Nothing in it knows of a
crash, or of who places orders: that is another process. It prints one line of JSON when its engine
is open, and works until its stdin closes.
"""

import argparse
import asyncio
import json
import os
import sys

from perdure import EngineSettings, open_engine
from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.demo.saga import process_payment, shop

STOP_SECONDS = 1.0
LEASE_SECONDS = 1.5  # waited for on PostgreSQL where nobody can see that a worker is gone


async def work(journal: str, shop_url: str, at_once: int) -> None:
    """Carries out orders, at most `at_once` at a time, until stdin closes, however that comes."""
    settings = EngineSettings(
        max_in_flight=at_once, stop_seconds=STOP_SECONDS, lease_seconds=LEASE_SECONDS
    )
    async with (
        shop.opened(shop_url),
        open_engine(journal, [process_payment], settings=settings),
    ):
        sys.stdout.write(json.dumps({"opened": without_password(journal)}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(os.read, sys.stdin.fileno(), 1)


def main(arguments: list[str]) -> None:
    """Works until stdin closes."""
    parser = argparse.ArgumentParser(prog="worker", description="Carries out orders.")
    parser.add_argument("--journal", required=True, help="where the engine keeps its journal")
    parser.add_argument("--shop", required=True, help="address of the shop")
    parser.add_argument("--at-once", type=int, default=50, help="orders that run at one time")
    options = parser.parse_args(arguments)
    asyncio.run(work(options.journal, options.shop, options.at_once))


if __name__ == "__main__":
    main(sys.argv[1:])
