"""A shop in which everything that is paid, said, or goes wrong has the customer's secret in it."""

from pydantic import BaseModel

from perdure import Failure, Retry, activity, suspend, workflow

SECRET = "4929-1337-0000-CANARY"
ONCE = Retry.fixed(0.001, attempts=1)


class LampIsGone(Failure):
    note: str


class BuyLamp(BaseModel):
    order_id: str
    card: str
    fate: str = "bought"


@activity
async def charge(order_id: str, card: str) -> str:
    return f"charged {card}"


@charge.compensate(retry=ONCE)
async def refund(result: str | None, order_id: str, card: str) -> None:
    if order_id == "unlucky":
        raise RuntimeError(f"no refund for {card}")


@activity(raises=[LampIsGone], retry=ONCE)
async def ship(order_id: str, card: str, fate: str) -> str:
    if fate == "gone":
        raise LampIsGone(note=f"no lamp for {card}")
    if fate == "defect":
        raise ValueError(f"cannot ship to {card}")
    return f"shipped to {card}"


@workflow(key="order_id", raises=[LampIsGone])
async def buy_lamp(request: BuyLamp) -> str:
    await charge(request.order_id, request.card)
    if request.fate == "wait":
        await suspend(f"ask the owner of {request.card}")
    return await ship(request.order_id, request.card, request.fate)
