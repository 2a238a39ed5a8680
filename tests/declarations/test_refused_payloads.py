"""What is no payload: values that JSON would change, bytes of another type, types without JSON."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from perdure.domain.errors import PayloadTooLarge, PerdureError
from perdure.sagas.errors import PayloadError, UnsupportedType
from perdure.sagas.payload import PAYLOAD_LIMIT_BYTES, PayloadType
from tests.declarations.examples import (
    RESULT,
    Charge,
    Currency,
    Excluding,
    LargerCharge,
    Left,
    OneWayAlias,
    Remembering,
    Right,
    Secretive,
)

pytestmark = pytest.mark.every_python


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
        (list[Decimal], [1], r"declared as list\[Decimal\]"),  # equal to what comes back
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


class Strict(BaseModel):
    sku: str

    @field_validator("sku")
    @classmethod
    def known(cls, sku: str) -> str:
        raise LookupError(sku)


def test_an_error_of_a_users_validator_is_told_as_one() -> None:
    with pytest.raises(PayloadError, match="decoding it raises LookupError"):
        PayloadType(Strict, RESULT).decode(b'{"sku":"A"}')
    with pytest.raises(PayloadError, match=r"its encoding cannot be decoded .LookupError"):
        PayloadType(Strict, RESULT).encode_checked(Strict.model_construct(sku="A"))


class Opaque:
    pass


class Calling(BaseModel):
    type: str
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
