"""Payloads: what goes through JSON and comes back unchanged, and its one canonical form."""

import datetime
import uuid
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from perdure.sagas.payload import PayloadType, type_text
from tests.declarations.examples import (
    RESULT,
    Charge,
    Coin,
    Currency,
    Labelled,
    Order,
    Parcel,
    Place,
    WithoutEquality,
)

pytestmark = pytest.mark.every_python

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
    (Labelled, st.builds(Labelled, type=texts, default=st.none())),
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


def test_bytes_that_are_no_text_go_through_as_base64() -> None:
    assert PayloadType(bytes, RESULT).encode_checked(b"\xff\x00")[0] == b'"_wA="'


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
