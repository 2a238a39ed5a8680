"""A client in a process of its own: `python -m tests.client.customer URL FIRST COUNT`.

Places orders and cancels every third of them right after. It says the number of each order once
that is durable.
"""

import asyncio
import sys

from perdure import connect
from tests.engine.shop import ProcessPayment, process_payment


async def buy(url: str, numbers: range) -> None:
    async with connect(url) as client, asyncio.TaskGroup() as cancels:
        for number in numbers:
            handle = await client.start(process_payment, ProcessPayment(order_id=f"o-{number}"))
            print(number, flush=True)  # noqa: T201 (the test reads it)
            if number % 3 == 0:
                cancels.create_task(handle.cancel("changed my mind"))
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    url, first, count = sys.argv[1:]
    asyncio.run(buy(url, range(int(first), int(first) + int(count))))
