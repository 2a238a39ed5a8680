"""The work that is measured: five activities one after another, which return at once.

No I/O, no waiting, no logging: what is left is the engine. Payloads are typed, as users write them.
`worker.py` runs it.
"""

import asyncio
from dataclasses import dataclass
from io import FileIO

from pydantic import BaseModel

from perdure import Activity, Workflow, activity, workflow

ACTIVITIES = (
    "get_total_amount",
    "charge_credit_card",
    "create_tracking_code",
    "send_order_to_shipping",
    "send_confirmation_email",
)
BLOCKING = 3  # the activity that never returns, where one is asked for


class ProcessPayment(BaseModel):
    """The request; the caller chooses the id."""

    order_id: str


class Step(BaseModel):
    """What each activity returns, and the workflow the last of them."""

    step: int
    ok: bool


Payment = Workflow[ProcessPayment, Step]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """`in_threads`: sync activities. `blocks`: activity 3 never returns. `log`: `ID I` lines."""

    in_threads: bool = False
    blocks: bool = False
    log: FileIO | None = None


def payment(shape: Shape) -> Payment:
    """The workflow, declared in this shape. All shapes read each other's journals."""
    declare = thread_step if shape.in_threads else step
    steps = [declare(number, name, shape) for number, name in enumerate(ACTIVITIES, 1)]

    @workflow(key="order_id")
    async def process_payment(request: ProcessPayment) -> Step:
        result = await steps[0](request.order_id)
        for one in steps[1:]:
            result = await one(request.order_id)
        return result

    return process_payment


def step(number: int, name: str, shape: Shape) -> Activity[[str], Step]:
    @activity(name=name)
    async def perform(order_id: str) -> Step:
        if shape.log is not None:
            shape.log.write(f"{order_id} {number}\n".encode())
        if shape.blocks and number == BLOCKING:
            await asyncio.Event().wait()
        return Step(step=number, ok=True)

    return perform


def thread_step(number: int, name: str, shape: Shape) -> Activity[[str], Step]:
    @activity(name=name)
    def perform(order_id: str) -> Step:
        if shape.log is not None:
            shape.log.write(f"{order_id} {number}\n".encode())
        return Step(step=number, ok=True)

    return perform
