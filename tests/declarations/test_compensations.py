"""Compensations are matched with their activity when they are declared, not in a rollback."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType

import pytest
from pydantic import Field

from perdure.domain.retry import Retry
from perdure.sagas.acceptance import accepts
from perdure.sagas.activity import Activity, activity
from perdure.sagas.errors import DeclarationError
from perdure.sagas.failure import Failure
from tests.declarations.examples import Charge, LargerCharge

pytestmark = pytest.mark.every_python

OrderId = NewType("OrderId", str)


class NotRefundable(Failure):
    reference: str


def fresh() -> Activity[..., Any]:
    @activity
    async def charge(method: str, amount: Decimal, lines: list[int]) -> Charge:
        return Charge(reference=method)

    return charge


def all_of_it(result: Charge | None, method: str, amount: Decimal, lines: list[int]) -> None: ...
def nothing() -> None: ...
def wider(result: object, amount: Decimal | None, lines: Sequence[int]) -> None: ...
def annotated(amount: Annotated[Decimal, Field(gt=0)]) -> None: ...
async def asynchronous(*, amount: Decimal) -> None: ...


@pytest.mark.parametrize("function", [all_of_it, nothing, wider, annotated, asynchronous])
def test_a_compensation_may_take_any_of_the_parameters(function: Callable[..., None]) -> None:
    declared = fresh()
    compensation = declared.compensate(function)
    assert declared.compensation is compensation
    assert (compensation.activity, compensation.function) == (declared, function)
    assert compensation.is_async == (function is asynchronous)
    assert (compensation.retry, compensation.timeout, compensation.raises) == (Retry(), None, ())


def test_the_options_of_a_compensation_are_its_own() -> None:
    compensation = fresh().compensate(
        name="refund", retry=Retry.fixed(3), timeout=2, raises=[NotRefundable]
    )(nothing)
    assert (compensation.name, compensation.retry) == ("refund", Retry.fixed(3))
    assert (compensation.timeout, compensation.raises) == (2.0, (NotRefundable,))


def strange_name(sku: str) -> None: ...
def other_type(amount: str) -> None: ...
def narrower(lines: list[bool]) -> None: ...
def certain_result(result: Charge) -> None: ...
def other_result(result: str | None) -> None: ...
def narrower_result(result: LargerCharge | None) -> None: ...
def returning(amount: Decimal) -> Decimal: ...
def unannotated(amount): ...
def many(*amount: Decimal) -> None: ...


# behaviour 28
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (
            strange_name,
            "parameter 'sku' is none of activity 'charge' .*can have: method, amount, l",
        ),
        (
            other_type,
            "parameter 'amount' is str, but Decimal in activity 'charge'.*amount: Decimal",
        ),
        (narrower, r"parameter 'lines' is list\[bool\], but list\[int\] in"),
        (certain_result, r"'result' is Charge and cannot be None; write result: Charge \| None"),
        (other_result, r"'result' is str \| None, but the activity returns Charge; write result"),
        (narrower_result, "but the activity returns Charge"),
        (returning, "it returns Decimal; annotate it -> None"),
        (unannotated, "parameter 'amount' has no annotation"),
        (many, r"parameter '\*amount' is variadic positional"),
        (3, "compensation of activity 'charge', .*it is no function but of type int"),
        (fresh(), "it is no function but of type Activity"),
    ],
)
def test_a_compensation_that_does_not_match_is_refused(function: Any, told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        fresh().compensate(function)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"raises": [ValueError]}, "raises has ValueError, which is no subclass of Failure"),
        ({"retry": None}, "retry=None is no retry policy"),
        ({"timeout": -1}, "timeout=-1 is no time that can pass"),
        ({"name": "a b"}, "its name cannot be recorded"),
    ],
)
def test_an_option_of_a_compensation_that_cannot_be_is_refused(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(DeclarationError, match=told):
        fresh().compensate(**options)(nothing)


def test_a_second_compensation_is_refused_with_the_place_of_the_first() -> None:
    declared = fresh()
    first = declared.compensate(nothing)
    told = f"has 'nothing' already .*:{nothing.__code__.co_firstlineno}"
    with pytest.raises(DeclarationError, match=told):
        declared.compensate(all_of_it)
    assert declared.compensation is first


# behaviour 21
def test_it_is_bound_to_the_recorded_arguments_and_result() -> None:
    compensation = fresh().compensate(all_of_it)
    arguments = b'{"method":"card","amount":"1.50","lines":[1,2]}'
    bound = compensation.bind(arguments, b'{"reference":"7"}')
    assert bound == {
        "result": Charge(reference="7"),
        "method": "card",
        "amount": Decimal("1.50"),
        "lines": [1, 2],
    }
    assert compensation.bind(arguments, None) == {**bound, "result": None}
    assert fresh().compensate(annotated).bind(arguments, None) == {"amount": Decimal("1.50")}
    assert fresh().compensate(nothing).bind(arguments, None) == {}


ACCEPTED = [
    (int, int),
    (float, int),
    (object, Charge),
    (Any, list[int]),
    (Charge, LargerCharge),
    (Charge | None, Charge),
    (int | str | None, int | None),
    (str, OrderId),
    (str, Literal["a", "b"]),
    (Literal["a", "b"], Literal["a"]),
    (Annotated[int, Field(gt=1)], int),
    (Sequence[int], list[int]),
    (Sequence, list[int]),
    (list, list[int]),
    (None, None),
]
REFUSED = [
    (int, float),
    (int, str),
    (LargerCharge, Charge),
    (Charge, Charge | None),
    (OrderId, str),
    (Literal["a"], Literal["a", "b"]),
    (Literal[1], Literal[True]),
    (list[int], list[bool]),
    (list[int], Sequence[int]),
    (list[int], list),
    (None, int),
    (int, None),
]


@pytest.mark.parametrize(("wide", "narrow"), ACCEPTED)
def test_a_type_accepts_what_it_includes(wide: Any, narrow: Any) -> None:
    assert accepts(wide, narrow)


@pytest.mark.parametrize(("wide", "narrow"), REFUSED)
def test_a_type_does_not_accept_what_may_be_outside(wide: Any, narrow: Any) -> None:
    assert not accepts(wide, narrow)
