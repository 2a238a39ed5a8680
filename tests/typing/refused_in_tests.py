"""Mistakes in given / when / then that type checkers show, pinned as in `refused`."""

from decimal import Decimal

from perdure.testing import activity_failed, activity_succeeded, asks_for, ends_with, given
from tests.typing.accepted import Charge, ProcessPayment, charge, process_payment


def sentences(request: ProcessPayment) -> None:
    given(process_payment, "order-7")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    activity_succeeded(charge, "r-1")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    activity_failed(charge, ValueError("no"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    asks_for(charge, "card")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    asks_for(charge, "card", "1.50")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    given(process_payment, request).then(ends_with(3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    given(process_payment, request).when(ends_with("text"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    activity_succeeded(charge, Charge(reference="r")).called_with("card", Decimal(1), 3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
