"""The shop that the engine's tests buy in: a world that does each thing once for a key.

It remembers every call, and misbehaves as a test tells it. `world` is one object, since activities
are declared once; a fixture empties it before each test.
"""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from perdure import Failure, Retry, Workflow, activity, current_activity, workflow
from tests.engine.places import Place

SOON = Retry.fixed(0.01)
PATIENCE_SECONDS = 10


class OutOfStock(Failure):
    sku: str
    left: int = 0


class Charge(BaseModel):
    reference: str
    amount: Decimal


class ProcessPayment(BaseModel):
    order_id: str
    payment_method: str = "visa-token"
    address: str = "Mill Lane 3"
    email: str = "ada@example.org"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One attempt that reached the world."""

    step: str
    given: tuple[object, ...]
    attempt: int
    key: str
    undoes: str | None = None  # in a compensation: the key of what it undoes
    outcome: str | None = None  # and what is known of it


class Lost(Exception):
    """The thing was done, the answer is lost."""


class Gate:
    """Holds calls up until it is opened."""

    def __init__(self) -> None:
        self._entered = asyncio.Event()
        self._opened = asyncio.Event()

    async def entered(self) -> None:
        await asyncio.wait_for(self._entered.wait(), PATIENCE_SECONDS)

    def open(self) -> None:
        self._opened.set()

    async def through(self) -> None:
        self._entered.set()
        await self._opened.wait()


@dataclass
class World:
    calls: list[Call] = field(default_factory=list)
    effects: dict[str, str] = field(default_factory=dict)  # step by key
    gates: dict[str, Gate] = field(default_factory=dict)
    errors: dict[str, list[BaseException]] = field(default_factory=dict)

    def empty(self) -> None:
        self.__init__()  # type: ignore[misc]

    def hold(self, step: str) -> Gate:
        """Calls of this step wait until the gate is opened."""
        return self.gates.setdefault(step, Gate())

    def release(self, step: str) -> None:
        """Later calls of this step do not wait any more; those at the gate still do."""
        del self.gates[step]

    def fail(self, step: str, *errors: BaseException) -> None:
        """The next calls of this step raise these; `Lost` after the thing was done."""
        self.errors.setdefault(step, []).extend(errors)

    async def serve(self, step: str, *given: object) -> None:
        key = self.note(step, *given)
        gate = self.gates.get(step)
        if gate is not None:
            await gate.through()
        self.do(step, key)

    def note(self, step: str, *given: object) -> str:
        context = current_activity()
        undoes = context.undoes
        call = Call(
            step=step,
            given=given,
            attempt=context.attempt,
            key=context.idempotency_key,
            undoes=undoes.idempotency_key if undoes else None,
            outcome=undoes.outcome if undoes else None,
        )
        self.calls.append(call)
        return call.key

    def do(self, step: str, key: str) -> None:
        left = self.errors.get(step)
        error = left.pop(0) if left else None
        if error is None or isinstance(error, Lost):
            self.effects.setdefault(key, step)
        if error is not None:
            raise error

    @property
    def steps(self) -> list[str]:
        return [call.step for call in self.calls]

    def of(self, step: str) -> list[Call]:
        return [call for call in self.calls if call.step == step]

    def times_done(self, step: str) -> int:
        return list(self.effects.values()).count(step)


world = World()


async def crashed_at(step: str, place: Place, order: Workflow[Any, Any], request: Any) -> Place:
    """What a process leaves that dies while a call of this step is under way."""
    gate = world.hold(step)
    async with place.engine(order) as engine:
        await engine.start(order, request)
        await gate.entered()
        left = place.crashed()
    world.release(step)
    return left


@activity(retry=SOON)
async def get_total_amount(order_id: str) -> Decimal:
    await world.serve("total", order_id)
    return Decimal("12.50")


@activity(retry=SOON)
async def charge_credit_card(payment_method: str, amount: Decimal) -> Charge:
    await world.serve("charge", payment_method, amount)
    return Charge(reference=f"charge of {payment_method}", amount=amount)


@charge_credit_card.compensate(retry=SOON)
async def refund_credit_card(result: Charge | None, amount: Decimal) -> None:
    await world.serve("refund", result, amount)


@activity(retry=SOON)
async def create_tracking_code(address: str) -> str:
    await world.serve("code", address)
    return f"code for {address}"


@create_tracking_code.compensate(retry=SOON)
async def void_tracking_code(result: str | None, address: str) -> None:
    await world.serve("void", result, address)


@activity(retry=SOON, raises=[OutOfStock])
async def send_order_to_shipping(order_id: str, tracking_id: str) -> None:
    await world.serve("ship", order_id, tracking_id)


@send_order_to_shipping.compensate(retry=SOON)
async def recall_order(order_id: str) -> None:
    await world.serve("recall", order_id)


@activity(retry=SOON)
async def send_confirmation_email(email: str, order_id: str, tracking_id: str) -> None:
    await world.serve("email", email, order_id, tracking_id)


@activity(retry=SOON)
async def look_up(what: str) -> str:
    """Reads something; nothing has to be undone."""
    await world.serve(what)
    return f"the {what}"


@workflow(key=str)
async def find(order_id: str) -> str:
    return await look_up("price")


@workflow(key="order_id", raises=[OutOfStock])
async def process_payment(request: ProcessPayment) -> str:
    amount = await get_total_amount(request.order_id)
    await charge_credit_card(request.payment_method, amount)
    tracking_id = await create_tracking_code(request.address)
    await send_order_to_shipping(request.order_id, tracking_id)
    await send_confirmation_email(request.email, request.order_id, tracking_id)
    return tracking_id
