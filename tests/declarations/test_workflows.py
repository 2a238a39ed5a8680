"""Workflows as declared: request, key, and each declaration that is refused, with its message."""

import dataclasses
import types
import uuid
from collections.abc import Callable
from typing import Any, NewType

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from perdure.domain.errors import BadIdentity
from perdure.sagas.errors import CalledDirectly, DeclarationError, PayloadError
from perdure.sagas.failure import Failure
from perdure.sagas.workflow import Workflow, workflow

pytestmark = pytest.mark.every_python

OrderId = NewType("OrderId", str)


class ProcessPayment(BaseModel):
    order_id: str
    number: int = 0
    token: uuid.UUID = uuid.UUID(int=7)
    either: str | int = "x"
    own: OrderId = OrderId("own")
    note: str | None = None
    urgent: bool = False
    weight: float = 1.0


@dataclasses.dataclass
class Booking:
    room: int


class Parcel(TypedDict):
    id: str


class Opaque:
    pass


async def process_payment(request: ProcessPayment) -> str:
    return request.order_id


def test_a_workflow_knows_its_request_and_result() -> None:
    declared = workflow(key="order_id")(process_payment)
    assert (declared.name, declared.function) == ("process_payment", process_payment)
    assert (declared.on_defect, declared.raises, declared.aliases) == ("suspend", (), ())
    request = ProcessPayment(order_id="7")
    data, decoded = declared.encode_request(request)
    assert decoded == request == declared.decode_request(data)
    assert declared.decode_result(declared.encode_result("done")[0]) == "done"
    with pytest.raises(PayloadError, match="the result of workflow 'process_payment', declared as"):
        declared.encode_result(3)
    with pytest.raises(PayloadError, match="the request of workflow 'process_payment', declared"):
        declared.encode_request("7")


def test_options_are_kept_as_declared() -> None:
    declared = workflow(
        key="order_id", name="pay", aliases=["old"], raises=[Failure], on_defect="compensate"
    )(process_payment)
    assert (declared.name, declared.aliases) == ("pay", ("old",))
    assert (declared.raises, declared.on_defect) == ((Failure,), "compensate")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("order_id", "A-7"),
        ("number", "0"),
        ("token", "00000000-0000-0000-0000-000000000007"),
        ("either", "x"),
        ("own", "own"),
        (lambda request: f"{request.order_id}/{request.number}", "A-7/0"),
        (lambda request: request.token, "00000000-0000-0000-0000-000000000007"),
    ],
)
def test_a_key_is_text_from_a_field_or_a_function(
    key: str | Callable[[Any], str], text: str
) -> None:
    declared = workflow(key=key)(process_payment)
    assert declared.key_of(ProcessPayment(order_id="A-7")) == text


def test_requests_may_be_dataclasses_typed_dicts_and_plain_values() -> None:
    async def book(request: Booking) -> None: ...
    async def send(request: Parcel) -> None: ...
    async def ping(request: str) -> None: ...

    assert workflow(key="room")(book).key_of(Booking(room=3)) == "3"
    assert workflow(key="id")(send).key_of({"id": "P-1"}) == "P-1"
    assert workflow(key=str)(ping).key_of("host") == "host"


@pytest.mark.parametrize("key", [lambda _: 1.5, lambda _: None, lambda _: True, lambda _: ""])
def test_a_key_of_another_type_is_refused_when_it_is_made(key: Any) -> None:
    with pytest.raises(BadIdentity):
        workflow(key=key)(process_payment).key_of(ProcessPayment(order_id="7"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"key": "id"}, "key='id' is no field of ProcessPayment; write one of order_id, number"),
        ({"key": "note"}, r"key='note' is str \| None in ProcessPayment; a key is a str, an int"),
        ({"key": "urgent"}, "key='urgent' is bool in ProcessPayment"),
        ({"key": "weight"}, "key='weight' is float in ProcessPayment"),
        ({"key": 3}, "key=3 is neither a field's name nor a function"),
        ({"key": "order_id", "on_defect": "ignore"}, "on_defect='ignore' is no choice"),
        ({"key": "order_id", "raises": [ValueError]}, "raises has ValueError, which is no"),
        ({"key": "order_id", "name": "a@b"}, "its name cannot be recorded"),
        ({"key": "order_id", "aliases": ["process_payment"]}, "among its own aliases"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError, match=f"^workflow .*test_workflows.*{told}"):
        workflow(**options)(process_payment)


def plain(request: ProcessPayment) -> str: ...
async def no_request() -> str: ...
async def two(request: ProcessPayment, more: int) -> str: ...
async def text(request: str) -> str: ...
async def unstorable(request: object, /) -> str: ...
async def opaque(request: Opaque) -> str: ...
async def opaque_result(request: ProcessPayment) -> Opaque: ...


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (plain, "it is no coroutine function; write it with async def"),
        (no_request, "it has 0 parameters; give it exactly one, the request"),
        (two, "it has 2 parameters; give it exactly one"),
        (text, "key='order_id': str has no fields; write key=str"),
        (unstorable, "parameter 'request' is positional-only"),
        (opaque, "the request has the type Opaque, which cannot be stored"),
        (opaque_result, "the result has the type Opaque, which cannot be stored"),
        (workflow(key="order_id")(process_payment), "it is no function but of type Workflow"),
    ],
)
def test_a_function_that_cannot_be_a_workflow_is_refused(function: Any, told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        workflow(key="order_id")(function)


def test_a_workflow_needs_a_key() -> None:
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'key'"):
        workflow(process_payment)


def test_a_workflow_is_not_called_directly() -> None:
    with pytest.raises(CalledDirectly, match=r"engine\.start\(process_payment, request\)"):
        workflow(key="order_id")(process_payment)(ProcessPayment(order_id="7"))


async def one_set(request: str) -> bool:
    return request in {"a", "b"}


async def other_set(request: str) -> bool:
    return request in {"a", "c"}


def without_source(function: types.FunctionType) -> types.FunctionType:
    copied = types.FunctionType(function.__code__.replace(co_filename="nowhere.py"), {})
    copied.__annotations__ = function.__annotations__
    return copied


def fingerprint_of(function: Any) -> str:
    declared: Workflow[Any, Any] = workflow(key=str)(function)
    return declared.code_fingerprint


def test_the_code_fingerprint_tells_bodies_apart() -> None:
    assert fingerprint_of(one_set) == fingerprint_of(one_set) != fingerprint_of(other_set)
    assert len(bytes.fromhex(fingerprint_of(one_set))) == 4
    one, other = without_source(one_set), without_source(other_set)
    assert fingerprint_of(one) == fingerprint_of(without_source(one_set)) != fingerprint_of(other)
