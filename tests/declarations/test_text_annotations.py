"""Annotations that are texts, as under this import, resolve with the names around a decorator."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from perdure.sagas.activity import activity
from perdure.sagas.errors import DeclarationError
from perdure.sagas.failure import Failure, decode_failure, encode_failure
from perdure.sagas.workflow import workflow

if TYPE_CHECKING:
    from tests.declarations.examples import Charge

pytestmark = pytest.mark.every_python


def test_local_classes_resolve() -> None:
    class Line(BaseModel):
        sku: str

    @dataclasses.dataclass
    class Order:
        key: str
        lines: list[Line]

    class Missing(Failure):
        line: Line

    @activity(raises=[Missing])
    def reserve(order: Order, limit: Decimal = Decimal(3)) -> list[Line]:
        return order.lines

    @reserve.compensate
    async def release(result: list[Line] | None, order: Order) -> None: ...

    @workflow(key="key")
    async def fulfil(request: Order) -> Line:
        return request.lines[0]

    order = Order("7", [Line(sku="A")])
    data = reserve.encode_arguments((order,), {})
    assert reserve.decode_arguments(data) == {"order": order, "limit": Decimal(3)}
    assert release.bind(data, b'[{"sku":"A"}]') == {"result": order.lines, "order": order}
    assert fulfil.key_of(order) == "7"
    failure = Missing(line=Line(sku="A"))
    encoded = encode_failure(failure)
    assert decode_failure(encoded.name, encoded.data, reserve.raises) == failure


def test_classes_resolve_in_a_class_inside_a_function() -> None:
    class Outer(BaseModel):
        sku: str

    class Shop:
        class Inner(BaseModel):
            outer: Outer

        @staticmethod
        @activity
        def sell(inner: Inner, outer: Outer) -> Outer:
            return inner.outer

    inner = Shop.Inner(outer=Outer(sku="A"))
    data = Shop.sell.encode_arguments((inner, inner.outer), {})
    assert Shop.sell.decode_arguments(data) == {"inner": inner, "outer": inner.outer}


def test_a_name_for_type_checkers_alone_is_refused_with_a_hint() -> None:
    told = "activity 'refund' .*the annotations name 'Charge'.* outside `if TYPE_CHECKING`"
    with pytest.raises(DeclarationError, match=told):

        @activity
        def refund(charge: Charge) -> None: ...


def test_a_name_of_our_own_modules_does_not_leak_into_users_types() -> None:
    @dataclasses.dataclass
    class Order:
        kept: canonical  # noqa: F821

    with pytest.raises(DeclarationError, match="name 'canonical' is not defined"):

        @activity
        def reserve(order: Order) -> None: ...


def test_an_annotation_that_cannot_be_evaluated_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"cannot be evaluated .ZeroDivisionError"):

        @activity
        def reserve(count: 1 / 0) -> None: ...
