"""A small saga for the tests of the kit: seats are held, paid for, and given back."""

import asyncio
from datetime import timedelta

from pydantic import BaseModel

from perdure import Done, Failure, NotDone, Retry, activity, verify, workflow


class HouseFull(Failure):
    film: str


class Visit(BaseModel):
    visitor: str
    film: str = "Metropolis"
    days_until: float = 0.0


class Booked(BaseModel):
    seat: int


class CalledForReal(Exception):
    """The real ones are never to be called in a test with a world."""


async def find_seat(visitor: str) -> Done[Booked] | NotDone:
    raise CalledForReal


@activity(raises=[HouseFull], on_unknown=verify(find_seat), timeout=60.0)
async def hold_seat(visitor: str, film: str) -> Booked:
    raise CalledForReal


@hold_seat.compensate
async def free_seat(result: Booked | None, visitor: str) -> None:
    raise CalledForReal


@activity(name="take-money", retry=Retry.exponential(first=60.0, maximum=3600.0))
def take_money(visitor: str, cents: int) -> str:
    raise CalledForReal


@activity
def price_of(film: str) -> int:
    return 100 * len(film)


@workflow(key="visitor", raises=[HouseFull])
async def visit(request: Visit) -> str:
    seat = await hold_seat(request.visitor, request.film)
    await asyncio.sleep(timedelta(days=request.days_until).total_seconds())
    receipt = await take_money(request.visitor, await price_of(request.film))
    if receipt == "refused":
        raise HouseFull(film=request.film)
    return f"seat {seat.seat}, {receipt}"
