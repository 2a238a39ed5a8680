"""An old workflow, its recorded history, and what it is changed to: one change each.

The changed ones have its name, as after a deployment.
"""

import asyncio
from typing import Any

from pydantic import BaseModel

from perdure import ExecutionParked, Failure, activity, open_engine, suspend, version, workflow
from perdure.infrastructure.journals import open_journal
from perdure.testing import History


class NoSuchLamp(Failure):
    article: str


class LampOrder(BaseModel):
    order_id: str
    article: str = "lamp"


@activity
async def reserve(order_id: str) -> str:
    return f"reservation of {order_id}"


@activity(raises=[NoSuchLamp])
async def pack(order_id: str, article: str) -> str:
    if article == "moon":
        raise NoSuchLamp(article=article)
    return f"parcel of {order_id}"


@activity
async def send(parcel: str) -> None: ...


@activity
async def check_card(order_id: str) -> None: ...


@activity(name="wrap")
async def pack_renamed(order_id: str, article: str) -> str:
    return ""


@activity(name="pack", raises=[NoSuchLamp])
async def pack_in_paper(order_id: str, article: str, paper: str) -> str:
    return ""


@workflow(key="order_id", raises=[NoSuchLamp])
async def fulfil(order: LampOrder) -> str:
    await reserve(order.order_id)
    parcel = await pack(order.order_id, order.article)
    await asyncio.sleep(0.001)
    await suspend("wait for an approval")
    await send(parcel)
    return parcel


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_a_call_more(order: LampOrder) -> str:
    await reserve(order.order_id)
    await check_card(order.order_id)
    parcel = await pack(order.order_id, order.article)
    await asyncio.sleep(0.001)
    await suspend("wait for an approval")
    await send(parcel)
    return parcel


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_a_call_less(order: LampOrder) -> str:
    parcel = await pack(order.order_id, order.article)
    await asyncio.sleep(0.001)
    await suspend("wait for an approval")
    await send(parcel)
    return parcel


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def in_another_order(order: LampOrder) -> str:
    parcel = await pack(order.order_id, order.article)
    await reserve(order.order_id)
    await asyncio.sleep(0.001)
    await suspend("wait for an approval")
    await send(parcel)
    return parcel


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_another_article(order: LampOrder) -> str:
    await reserve(order.order_id)
    parcel = await pack(order.order_id, order.article.upper())
    return parcel


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_a_new_parameter(order: LampOrder) -> str:
    await reserve(order.order_id)
    return await pack_in_paper(order.order_id, order.article, "blue")


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_a_renamed_call(order: LampOrder) -> str:
    await reserve(order.order_id)
    return await pack_renamed(order.order_id, order.article)


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_ends_early(order: LampOrder) -> str:
    await reserve(order.order_id)
    return "reserved"


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_another_sleep(order: LampOrder) -> str:
    await reserve(order.order_id)
    parcel = await pack(order.order_id, order.article)
    await asyncio.sleep(60)
    return parcel


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_a_call_beside(order: LampOrder) -> str:
    await asyncio.gather(reserve(order.order_id), check_card(order.order_id))
    return await pack(order.order_id, order.article)


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def that_raises(order: LampOrder) -> str:
    await reserve(order.order_id)
    raise AttributeError("a bug of today")


@workflow(key="order_id", name="fulfil", raises=[NoSuchLamp])
async def with_a_guard(order: LampOrder) -> str:
    await reserve(order.order_id)
    if version("check_card-added", 2) >= 2:
        await check_card(order.order_id)
    parcel = await pack(order.order_id, order.article)
    await asyncio.sleep(0.001)
    await suspend("wait for an approval")
    await send(parcel)
    return parcel


@workflow(key="order_id", name="prepare")
async def prepare(order: LampOrder) -> None:
    await asyncio.gather(reserve(order.order_id), packed(order))


@workflow(key="order_id", name="prepare")
async def prepare_with_a_check(order: LampOrder) -> None:
    await asyncio.gather(reserved(order), packed(order))


async def packed(order: LampOrder) -> None:
    await send(await pack(order.order_id, order.article))


async def reserved(order: LampOrder) -> None:
    await reserve(order.order_id)
    await check_card(order.order_id)


async def record(url: str, *requests: LampOrder) -> list[History]:
    """Lets them run on this journal until they are parked or ended; their histories."""
    async with open_engine(url, [fulfil]) as engine:
        for request in requests:
            try:
                await engine.execute(fulfil, request)
            except (ExecutionParked, NoSuchLamp):
                continue
    return await histories(url, [f"fulfil@{request.order_id}" for request in requests])


async def histories(url: str, ids: list[str]) -> list[History]:
    """As they are stored."""
    journal = await open_journal(url, read_only=True)
    try:
        streams: Any = await journal.read(ids)
    finally:
        await journal.close()
    return [History(each, streams[each]) for each in ids]
