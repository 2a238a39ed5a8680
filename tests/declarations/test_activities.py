"""Activities as declared: what they know, and each refused declaration with its message."""

import functools
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from perdure.domain.errors import PerdureError
from perdure.domain.retry import Retry
from perdure.sagas.activity import Activity, activity
from perdure.sagas.errors import DeclarationError, DuplicateName
from perdure.sagas.failure import Failure
from perdure.sagas.naming import check_distinct
from tests.declarations.examples import Charge

pytestmark = pytest.mark.every_python

T = TypeVar("T")


class OutOfStock(Failure):
    sku: str


async def charge(method: str, amount: Decimal = Decimal(1)) -> Charge:
    return Charge(reference=f"{method} {amount}")


def test_a_bare_activity_has_the_defaults() -> None:
    declared = activity(charge)
    assert (declared.name, declared.aliases, declared.function) == ("charge", (), charge)
    assert (declared.is_async, declared.raises, declared.non_retryable) == (True, (), ())
    assert (declared.retry, declared.timeout, declared.concurrency) == (Retry(), None, None)
    assert (declared.on_exhausted, declared.on_unknown) == ("raise", "retry")
    assert declared.compensation is None
    assert repr(declared).startswith("<activity 'charge', ")


def test_options_are_kept_as_declared() -> None:
    declared = activity(
        name="card.charge",
        aliases=["charge_card", "charge"],
        raises=[OutOfStock],
        retry=Retry.never(),
        timeout=3,
        non_retryable=[ValueError],
        on_exhausted="suspend",
        on_unknown="compensate",
        concurrency=2,
    )(charge)
    assert (declared.name, declared.aliases) == ("card.charge", ("charge_card", "charge"))
    assert (declared.raises, declared.non_retryable) == ((OutOfStock,), (ValueError,))
    assert (declared.retry, declared.timeout, declared.concurrency) == (Retry.never(), 3.0, 2)
    assert (declared.on_exhausted, declared.on_unknown) == ("suspend", "compensate")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'idempotent'"):
        activity(idempotent=True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"name": "a b"}, "its name cannot be recorded; .*use 1 to 64 letters, digits"),
        ({"name": "x" * 65}, "its name cannot be recorded"),
        ({"name": 3}, "3 is no name"),
        ({"aliases": ["é"]}, "an alias cannot be one; activity name 'é'"),
        ({"aliases": ["charge"]}, "the name is among its own aliases"),
        ({"aliases": ["old", "old"]}, "an alias is listed twice"),
        ({"aliases": "old"}, r"aliases='old' is a text; write aliases=\['old'\]"),
        ({"raises": [ValueError]}, "raises has ValueError, which is no subclass of Failure"),
        ({"raises": OutOfStock}, r"raises=OutOfStock is no list; write raises=\[...\]"),
        ({"raises": [OutOfStock(sku="A")]}, "raises has OutOfStock.*no subclass of Failure"),
        ({"non_retryable": [3]}, "non_retryable has 3, which is no exception class"),
        ({"non_retryable": [OutOfStock]}, "non_retryable has the failure OutOfStock; list it in"),
        ({"retry": 3}, "retry=3 is no retry policy; write Retry.exponential"),
        ({"timeout": 0}, "timeout=0 is no time that can pass"),
        ({"timeout": float("nan")}, "timeout=nan is no time that can pass"),
        ({"timeout": float("inf")}, "timeout=inf is no time that can pass; .* None for no limit"),
        ({"timeout": "3"}, "timeout='3' is no number"),
        ({"timeout": True}, "timeout=True is no number"),
        ({"concurrency": 0}, "concurrency=0 is no number of attempts"),
        ({"concurrency": 1.5}, "concurrency=1.5 is no number of attempts"),
        ({"on_exhausted": "fail"}, "on_exhausted='fail' is no choice; write one of 'raise', 'sus"),
        ({"on_unknown": "verify"}, "on_unknown='verify' is no choice; write one of 'retry', 'co"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        activity(**options)(charge)


def test_two_failures_under_one_name_are_refused() -> None:
    class Twin(Failure, name="OutOfStock"):
        pass

    with pytest.raises(DeclarationError, match="two classes that are recorded as 'OutOfStock'"):
        activity(raises=[OutOfStock, Twin])(charge)


def test_two_activities_under_one_name_are_refused_with_both_places() -> None:
    def renamed(sku: str) -> None: ...

    first, second = activity(charge), activity(name="pay", aliases=["charge"])(renamed)
    check_distinct([first, first])
    with pytest.raises(
        DuplicateName, match=r"activity 'pay'.*test_act.*by activity 'charge'.*test"
    ):
        check_distinct([first, second])


def no_annotation(sku) -> None: ...
def no_return(sku: str): ...
def many(*skus: str) -> None: ...
def named(**skus: str) -> None: ...
def by_position(sku: str, /) -> None: ...
def with_result(result: str) -> None: ...
def with_callable(call: Callable[[], int]) -> None: ...
def gives_awaitable(sku: str) -> Awaitable[int]: ...
def generic(box: T) -> None: ...
def open_list(items: list[T]) -> None: ...
def wrong_default(count: int = "3") -> None: ...
def unknown_name(sku: "Nowhere") -> None: ...  # noqa: F821


def generator(sku: str) -> Iterator[int]:
    yield 1


async def async_generator(sku: str) -> Any:
    yield 1


def as_plain(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Holder:
    def method(self, sku: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (no_annotation, "parameter 'sku' has no annotation; annotate it"),
        (no_return, "the return annotation is missing; .*-> None if that is nothing"),
        (many, r"parameter '\*skus' is variadic positional; give every parameter a name"),
        (named, r"parameter '\*\*skus' is variadic keyword"),
        (by_position, "parameter 'sku' is positional-only"),
        (with_result, "a parameter is named 'result'; give it another name"),
        (with_callable, r"parameter 'call' has the type Callable\[\[\], int\], which cannot be st"),
        (gives_awaitable, r"the result has the type Awaitable\[int\], which cannot be stored"),
        (generic, "parameter 'box' has the type variable ~T"),
        (open_list, "parameter 'items' has the type variable"),
        (wrong_default, "the default of parameter 'count', which is int, cannot be stored: .*str"),
        (unknown_name, "name 'Nowhere', which does not exist .*outside `if TYPE_CHECKING`"),
        (generator, "it is a generator; return one value"),
        (async_generator, "it is a generator; return one value"),
        (as_plain(charge), "a decorator below turned its async def into a plain function"),
        (Holder.method, "parameter 'self' has no annotation; .*@staticmethod"),
        (staticmethod(charge), "write @staticmethod above this decorator"),
        (functools.partial(charge), "it is no function but of type partial"),
        (Holder, "it is no function but of type type"),
        (print, "it is no function but of type builtin_function_or_method"),
        (activity(charge), "it is no function but of type Activity; .*once only"),
        (lambda: None, "activity '<lambda>' .*its name cannot be recorded"),
    ],
)
def test_a_function_that_cannot_be_an_activity_is_refused(function: Any, told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        activity(function)


def test_a_refusal_tells_subject_place_problem_and_hint() -> None:
    with pytest.raises(DeclarationError) as refusal:
        activity(no_return)
    error = refusal.value
    assert isinstance(error, PerdureError)
    assert error.where == f"{__file__}:{no_return.__code__.co_firstlineno}"
    assert str(error) == f"{error.subject} ({error.where}): {error.problem}; {error.hint}"


def test_arguments_are_one_object_in_the_order_of_the_signature() -> None:
    declared: Activity[..., Any] = activity(charge)
    data = b'{"method":"card","amount":"1.50"}'
    for args, kwargs in [
        (("card", Decimal("1.50")), {}),
        (("card",), {"amount": Decimal("1.50")}),
        ((), {"amount": Decimal("1.50"), "method": "card"}),
    ]:
        assert declared.encode_arguments(args, kwargs) == data
    assert declared.decode_arguments(data) == {"method": "card", "amount": Decimal("1.50")}
    assert declared.encode_arguments(("card",), {}) == b'{"method":"card","amount":"1"}'
    assert declared.canonical_arguments(data) == declared.canonical_arguments(
        b'{"amount":"1.5","method":"card"}'
    )


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {}, r"needs 'method'; its parameters are \(method: str, amount: Decimal\)"),
        (("card", Decimal(1), 3), {}, "takes 2 arguments by position, not 3"),
        (("card",), {"method": "card"}, "was given 'method' twice"),
        (("card",), {"speed": 3}, "has no parameter 'speed'"),
    ],
)
def test_a_wrong_call_names_the_activity(
    args: tuple[Any, ...], kwargs: dict[str, Any], told: str
) -> None:
    with pytest.raises(TypeError, match=f"^activity 'charge' {told}"):
        activity(charge).encode_arguments(args, kwargs)


# behaviour 9
def test_a_bad_argument_or_result_names_activity_parameter_and_type() -> None:
    declared: Activity[..., Any] = activity(charge)
    told = "parameter 'amount' of activity 'charge', declared as Decimal: Input should be"
    with pytest.raises(ValueError, match=told):
        declared.encode_arguments(("card", 3), {})
    with pytest.raises(ValueError, match=r"parameter 'method'.* type Text would come back as str"):
        declared.encode_arguments((type("Text", (str,), {})("card"),), {})
    with pytest.raises(ValueError, match="the result of activity 'charge', declared as Charge"):
        declared.encode_result("card")


def test_recorded_arguments_from_before_a_parameter_take_its_default() -> None:
    def ship(sku: str, notes: list[str] = ["fragile"], *, fast: bool = False) -> None: ...  # noqa: B006

    declared = activity(ship)
    decoded = declared.decode_arguments(b'{"sku":"A","gone":1}')
    assert decoded == {"sku": "A", "notes": ["fragile"], "fast": False}
    decoded["notes"].append("changed")
    assert declared.decode_arguments(b'{"sku":"A"}')["notes"] == ["fragile"]
    assert declared.canonical_arguments(b'{"sku":"A"}') == declared.canonical_arguments(
        declared.encode_arguments(("A",), {})
    )
