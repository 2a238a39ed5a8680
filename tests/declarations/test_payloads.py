"""Payloads: what goes through JSON unchanged, and what is refused because it would not."""

import dataclasses
import datetime
import enum
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr
from typing_extensions import TypedDict

from perdure.domain.errors import PayloadTooLarge, PerdureError
from perdure.sagas.errors import PayloadError, UnsupportedType
from perdure.sagas.payload import PAYLOAD_LIMIT_BYTES, PayloadType, type_text

pytestmark = pytest.mark.every_python

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


texts = st.text(st.characters(exclude_categories=["Cs"]))
decimals = st.decimals(allow_nan=False, allow_infinity=False)
charges = st.builds(Charge, reference=texts, amounts=st.lists(decimals, max_size=3))
parcels = st.fixed_dictionaries({"weight": st.floats(allow_nan=False, allow_infinity=False)})
offsets = st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(
    lambda offset: datetime.timezone(
        datetime.timedelta(minutes=offset // datetime.timedelta(minutes=1))
    )
)
times = st.datetimes(timezones=st.none() | offsets)
VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, texts),
    (int, st.integers(-(10**40), 10**40)),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (bytes, st.binary()),
    (Decimal, decimals),
    (uuid.UUID, st.uuids()),
    (datetime.datetime, times),
    (datetime.date, st.dates()),
    (datetime.time, st.times()),
    (datetime.timedelta, st.timedeltas()),
    (Currency, st.sampled_from(Currency)),
    (Place, st.builds(Place, st.integers(), texts)),
    (Parcel, parcels),
    (Charge, charges),
    (Order, st.builds(Order, st.uuids(), st.lists(parcels, max_size=3), st.none() | charges)),
    (str | None, st.none() | texts),
    (int | str, st.integers() | texts),
    (Charge | Place, charges | st.builds(Place, st.integers(), texts)),
    (tuple[int, str], st.tuples(st.integers(), texts)),
    (tuple[Decimal, ...], st.lists(decimals).map(tuple)),
    (set[Coin], st.sets(st.builds(Coin, value=decimals), max_size=4)),
    (frozenset[str], st.frozensets(texts)),
    (dict[int, Charge], st.dictionaries(st.integers(), charges, max_size=3)),
    (dict[uuid.UUID, list[int]], st.dictionaries(st.uuids(), st.lists(st.integers()), max_size=3)),
    (None, st.none()),
    (object, st.recursive(st.none() | texts | st.integers(), st.lists, max_leaves=5)),
]
PAYLOADS = st.sampled_from(
    [(PayloadType(annotation, RESULT), values) for annotation, values in VALUES]
).flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1]))


# behaviour 3
@given(PAYLOADS)
def test_a_value_comes_back_as_it_was(case: tuple[PayloadType, Any]) -> None:
    payload, value = case
    data, decoded = payload.encode_checked(value)
    assert decoded == value
    assert type(decoded) is type(value)
    assert payload.decode(data) == value
    assert payload.canonical(payload.encode(decoded)) == payload.canonical(data)


@given(decimals, st.integers(0, 5))
def test_decimals_of_one_value_have_one_canonical_form(number: Decimal, zeros: int) -> None:
    payload = PayloadType(Decimal, RESULT)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    longer = Decimal((sign, (*digits, *[0] * zeros), exponent - zeros))
    forms = {payload.canonical(payload.encode(one)) for one in (number, longer)}
    assert len(forms) == 1
    assert payload.canonical(payload.encode(Decimal("1.51"))) not in forms or number == Decimal(
        "1.51"
    )


@given(st.lists(texts, unique=True))
def test_sets_and_keys_have_one_canonical_order(names: list[str]) -> None:
    sets, keyed = PayloadType(set[str], RESULT), PayloadType(dict[str, int], RESULT)
    listed = PayloadType(list[str], RESULT)
    backwards = names[::-1]
    assert sets.canonical(listed.encode(names)) == sets.canonical(listed.encode(backwards))
    one, other = ({name: len(name) for name in order} for order in (names, backwards))
    assert keyed.canonical(keyed.encode(one)) == keyed.canonical(keyed.encode(other))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_in_a_change_of_the_clocks_keeps_its_offset(zone: str, fold: int) -> None:
    time = datetime.datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=ZoneInfo(zone))
    _, decoded = PayloadType(datetime.datetime, RESULT).encode_checked(time)
    assert decoded.utcoffset() == time.utcoffset()


def test_an_int_may_stand_for_a_float_and_comes_back_as_one() -> None:
    _, decoded = PayloadType(float, RESULT).encode_checked(3)
    assert type(decoded) is float


def test_objects_without_equality_are_compared_by_their_fields() -> None:
    value = WithoutEquality(3, ["fragile"])
    _, decoded = PayloadType(list[WithoutEquality], RESULT).encode_checked([value])
    assert vars(decoded[0]) == vars(value)


def remembered() -> Remembering:
    value = Remembering(shown=1)
    value._hidden = 2
    return value


# behaviour 9
@pytest.mark.parametrize(
    ("annotation", "value", "told"),
    [
        (str, 3, "declared as str: Input should be a valid string, but int is given"),
        (str, Currency.EURO, "declared as str: type Currency would come back as str"),
        (int, True, "declared as int: type bool would come back as int"),
        (float, math.nan, "declared as float: nan has no JSON form; give a finite number"),
        (float, -math.inf, "-inf has no JSON form"),
        (float | None, math.nan, "declared as float | None: nan has no JSON form"),
        (Decimal, Decimal("NaN"), "NaN has no JSON form"),
        (Decimal, Decimal("sNaN"), "sNaN has no JSON form"),
        (list[float], [1.0, math.nan], r"declared as list\[float\] at \[1\]: nan has no JSON"),
        (float, 2**60 + 1, "the int would come back as another one|would come back as float"),
        (object, Decimal(1), "type Decimal would come back as str"),
        (object, (1, 2), "type tuple would come back as list"),
        (list[int], (1, 2), r"declared as list\[int\]: Input should be a valid list, but tuple"),
        (Sequence[int], (1, 2), "type tuple would come back as list"),
        (Charge, LargerCharge(reference="7"), "type LargerCharge would come back as Charge"),
        (
            dict[str, list[Charge]],
            {"all": [Charge(reference="1"), LargerCharge(reference="7")]},
            r"at all\[1\]: type LargerCharge would come back as Charge",
        ),
        (Left | Right, Right(side=1), "type Right would come back as Left"),
        (Decimal | str, "1.5", "type str would come back as Decimal"),
        (Remembering, remembered(), "its private attributes would be lost; make them fields"),
        (Excluding, Excluding(kept=1, dropped=2), "at dropped: the int would come back"),
        (OneWayAlias, OneWayAlias(number=1), "at number: its encoding does not decode: Field req"),
        (Secretive, Secretive(card=SecretStr("4111")), "at card"),
        (Annotated[int, Field(gt=3)], 2, "declared as int: Input should be greater than 3"),
    ],
)
def test_a_value_that_its_type_does_not_carry_is_refused(
    annotation: Any, value: object, told: str
) -> None:
    with pytest.raises(PayloadError, match=f"^{RESULT}, .*(?:{told})") as refusal:
        PayloadType(annotation, RESULT).encode_checked(value)
    assert isinstance(refusal.value, PerdureError)
    assert refusal.value.what == RESULT


# behaviour 9
def test_texts_and_numbers_beyond_json_are_refused() -> None:
    with pytest.raises(PayloadError, match="it cannot be encoded"):
        PayloadType(str, RESULT).encode_checked("\ud800")
    with pytest.raises(PayloadError, match="its encoding does not decode"):
        PayloadType(int, RESULT).encode_checked(10**5000)


def test_a_refusal_does_not_show_the_value() -> None:
    with pytest.raises(PayloadError) as refusal:
        PayloadType(Secretive, RESULT).encode_checked(Secretive(card=SecretStr("4111")))
    assert "4111" not in str(refusal.value)
    with pytest.raises(PayloadError) as refusal:
        PayloadType(int, RESULT).encode_checked("4111")
    assert "4111" not in str(refusal.value)


# behaviour 9
def test_a_payload_over_two_megabytes_is_refused() -> None:
    payload = PayloadType(str, RESULT)
    data, _ = payload.encode_checked("x" * (PAYLOAD_LIMIT_BYTES - 2))
    assert len(data) == PAYLOAD_LIMIT_BYTES
    told = r"takes 2,097,153 bytes, 2,097,152 are allowed; store it elsewhere"
    with pytest.raises(PayloadTooLarge, match=f"^{RESULT} {told}"):
        payload.encode_checked("x" * (PAYLOAD_LIMIT_BYTES - 1))


def test_bytes_that_are_no_text_go_through_as_base64() -> None:
    assert PayloadType(bytes, RESULT).encode_checked(b"\xff\x00")[0] == b'"_wA="'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"amounts":[]}', "at reference: Field required"),
        (b'{"reference":3}', "at reference: Input should be a valid string"),
        (b'{"reference":"7","amounts":["x"]}', r"at amounts\[0\]: Input should be a valid decimal"),
        (b"{", "Invalid JSON"),
    ],
)
def test_recorded_bytes_that_do_not_fit_are_told_with_their_place(data: bytes, told: str) -> None:
    with pytest.raises(PayloadError, match=f"^{RESULT}, declared as Charge.*{told}"):
        PayloadType(Charge, RESULT).decode(data)


class Opaque:
    pass


class Calling(BaseModel):
    call: Callable[[], int]


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (Callable[[int], int], "a callable cannot come out of JSON"),
        (Calling, "type Calling cannot be a payload: a callable cannot"),
        (Iterable[int], "an iterator cannot come out of JSON"),
        (Iterator[int], "Unable to generate"),
        (type[int], "a class cannot come out of JSON"),
        (Opaque, "type Opaque cannot be a payload: Unable to generate"),
        (Exception, "type Exception cannot be a payload"),
        ("Nowhere", "name 'Nowhere' is not defined"),
    ],
)
def test_a_type_that_json_cannot_give_is_no_payload(annotation: Any, told: str) -> None:
    with pytest.raises(UnsupportedType, match=told):
        PayloadType(annotation, RESULT)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (None, "None"),
        (int, "int"),
        (Charge, "Charge"),
        (list[Charge], "list[Charge]"),
        (dict[str, Decimal] | None, "dict[str, Decimal] | None"),
        (Annotated[int, Field(gt=3)], "int"),
    ],
)
def test_types_are_told_as_their_author_wrote_them(annotation: Any, text: str) -> None:
    assert type_text(annotation) == text
