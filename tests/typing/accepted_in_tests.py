"""given / when / then as type checkers accept it."""

from decimal import Decimal
from typing import assert_type

from perdure.infrastructure.scenarios.given import Scenario
from perdure.testing import (
    activity_failed,
    activity_succeeded,
    asks_for,
    asks_nothing,
    cancelled,
    ends_with,
    fails_with,
    given,
    sets_timer,
    undoes,
)
from tests.typing.accepted import (
    Charge,
    OutOfStock,
    ProcessPayment,
    charge,
    process_payment,
    reserve,
)


def sentences(request: ProcessPayment) -> None:
    start = given(process_payment, request)
    assert_type(start, Scenario[str])
    charged = activity_succeeded(charge, Charge(reference="r"))
    start.then(asks_for(charge, "card", Decimal(1)), sets_timer(3), asks_nothing())
    start.when(charged.called_with("card", amount=Decimal(1))).then(ends_with("ended"))
    start.when(activity_failed(reserve, OutOfStock(sku="A"))).then(
        fails_with(OutOfStock(sku="A")), undoes(charge)
    )
    given(process_payment, history="one.json").when(cancelled("why")).then(ends_with("text"))
    given(process_payment, request, charged, cancelled()).then(asks_nothing())
