"""A workflow whose payloads are full of people: names, addresses, ids, dates, what types demand."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, StringConstraints

from perdure import Failure, activity, suspend, uuid4, workflow


class Plan(Enum):
    SMALL = "small"
    LARGE = "large"


class Refused(Failure):
    customer: str


class SignUp(BaseModel):
    email: str
    name: str
    born: date
    customer: UUID
    fee: Decimal
    plan: Plan = Plan.LARGE
    language: Literal["english", "german"] = "german"
    postcode: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}\d{5}$")] = "DE10115"
    notes: dict[str, str] = {}


@activity
async def look_up(email: str) -> str:
    return f"https://people.example/{email}"


@activity
async def welcome(text: str, plan: Plan, token: UUID) -> str:
    return text.upper()


@activity(raises=[Refused])
async def file_away(customer: UUID, initials: str) -> None:
    raise Refused(customer=str(customer))


@workflow(key="email", raises=[Refused])
async def sign_up(request: SignUp) -> str:
    address = await look_up(request.email)
    initials = "".join(word[0] for word in request.name.split())
    text = await welcome(f"Dear {request.name}, see {address}", request.plan, uuid4())
    try:
        await file_away(request.customer, initials)
    except Refused as refused:
        await suspend(f"{refused.customer} was refused for {text}")
    return text
