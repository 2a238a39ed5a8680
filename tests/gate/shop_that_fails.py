"""What a new version of the shop's workflow can do to whoever replays it."""

import asyncio
import itertools
import os
import signal
import threading

from perdure import workflow
from tests.gate.shop import LampOrder, NoSuchLamp, pack, reserve, send

__all__ = ["pack", "reserve", "send"]


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_never_ends(order: LampOrder) -> str:
    await reserve(order.order_id)
    while order.order_id:
        if order.order_id != "o-1":
            break
    await pack(order.order_id, order.article)
    return ""


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_waits_in_a_thread(order: LampOrder) -> str:
    await reserve(order.order_id)
    threading.Event().wait()
    return ""


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_ends_the_process(order: LampOrder) -> str:
    await reserve(order.order_id)
    if order.order_id == "o-1":
        os._exit(3)
    await pack(order.order_id, order.article)
    return ""


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_freezes_the_process(order: LampOrder) -> str:
    await reserve(order.order_id)
    os.kill(os.getpid(), signal.SIGSTOP)
    return ""


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_iterates_over_a_set(order: LampOrder) -> str:
    await reserve(order.order_id)
    for article in {*"abcdefgh", order.article}:
        await pack(order.order_id, article)
    return ""


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_spins(order: LampOrder) -> str:
    await reserve(order.order_id)
    for _ in itertools.count():
        await asyncio.sleep(0)
    return ""


class GiftOrder(LampOrder):
    greeting: str


@workflow(key="order_id", name="fulfil")
async def with_a_new_field(order: GiftOrder) -> str:
    return await reserve(order.order_id)
