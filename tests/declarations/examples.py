"""Values of many types: what users' requests, results and failures are made of."""

import dataclasses
import enum
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, computed_field
from typing_extensions import TypedDict

RESULT = "the result of activity 'charge'"


class Charge(BaseModel):
    reference: str
    amounts: list[Decimal] = Field(default_factory=list)


class LargerCharge(Charge):
    fee: Decimal = Decimal(0)


class Coin(BaseModel):
    model_config = ConfigDict(frozen=True)
    value: Decimal


class Currency(enum.StrEnum):
    EURO = "EUR"


class Place(NamedTuple):
    shelf: int
    name: str


class Parcel(TypedDict):
    weight: float


@dataclasses.dataclass
class Order:
    id: uuid.UUID
    parcels: list[Parcel]
    charge: Charge | None = None


@dataclasses.dataclass(eq=False)
class WithoutEquality:
    shelf: int
    notes: list[str]


class Labelled(BaseModel):
    """Its fields have the names of the keys of pydantic's own schemas."""

    type: str
    metadata: dict[str, int] = Field(default_factory=dict)
    default: "Labelled | None" = None

    @computed_field
    def callback(self) -> Callable[[], str]:
        return self.type.upper


class Remembering(BaseModel):
    shown: int
    _hidden: int = PrivateAttr(default=0)


class Excluding(BaseModel):
    kept: int
    dropped: int = Field(default=0, exclude=True)


class OneWayAlias(BaseModel):
    number: int = Field(serialization_alias="n")


class Secretive(BaseModel):
    card: SecretStr


class Left(BaseModel):
    side: int


class Right(BaseModel):
    side: int
