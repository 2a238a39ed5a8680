"""A trip that is booked: activities one after another and at once, waits, and every kind of end."""

import asyncio
from decimal import Decimal

from pydantic import BaseModel

from perdure import Failure, Retry, activity, now, suspend, version, workflow


class NoRoom(Failure):
    hotel: str


class NoSeat(Failure):
    flight: str


class Trip(BaseModel):
    trip_id: str
    hotel: str = "Ritz"
    cities: list[str] = []
    way: str = "plain"


@activity(raises=[NoRoom], retry=Retry.exponential(attempts=2))
async def book_room(trip_id: str, hotel: str) -> Decimal:
    return Decimal(1)


@book_room.compensate
async def give_back_room(result: Decimal | None, trip_id: str) -> None: ...


@activity(raises=[NoSeat])
async def book_flight(trip_id: str, city: str = "Rome") -> str:
    return ""


@book_flight.compensate
async def give_back_flight(result: str | None, trip_id: str) -> None: ...


@activity(pivot=True)
async def leave_home(trip_id: str) -> None: ...


@activity
async def send_note(text: str) -> None: ...


@workflow(key="trip_id", raises=[NoRoom, NoSeat])
async def book_trip(trip: Trip) -> Decimal:
    price = await book_room(trip.trip_id, trip.hotel)
    match trip.way:
        case "timeout":
            try:
                async with asyncio.timeout(5):
                    await book_flight(trip.trip_id)
            except TimeoutError:
                await send_note("too slow")
        case "wait":
            await asyncio.sleep(0.0301)
            await send_note(f"{now():%H:%M:%S.%f}")
        case "approve":
            await suspend("a boss has to approve")
            if version("notes", 2) >= 2:
                await send_note("approved")
        case "both":
            flight, _ = await asyncio.gather(book_flight(trip.trip_id), suspend("a boss"))
            await send_note(flight)
        case "in time":
            await asyncio.gather(fly_in_time(trip), suspend("a boss"))
        case "timers":
            await asyncio.gather(note_after(2), note_after(1))
        case "many":
            async with asyncio.TaskGroup() as group:
                for city in trip.cities:
                    group.create_task(fly(trip, city))
        case "defect":
            raise KeyError("lost")
        case "pivot":
            await leave_home(trip.trip_id)
            raise NoSeat(flight="last")
        case _:
            await book_flight(trip.trip_id)
    return price * 2


async def fly_in_time(trip: Trip) -> None:
    async with asyncio.timeout(5):
        seat = await book_flight(trip.trip_id)
    await send_note(seat)


async def note_after(seconds: float) -> None:
    await asyncio.sleep(seconds)
    await send_note(f"after {seconds:g} s")


async def fly(trip: Trip, city: str) -> None:
    await book_flight(trip.trip_id, city)
    await send_note(city)
