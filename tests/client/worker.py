"""An engine in a process of its own: `python -m tests.client.worker URL`, until stdin closes."""

import asyncio
import sys

from perdure import open_engine
from tests.engine.shop import find, process_payment


async def work(url: str) -> None:
    async with open_engine(url, [process_payment, find]):
        print("open", flush=True)  # noqa: T201 (whoever started this waits for it)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
