"""Mistakes that type checkers show, each pinned by the comment that silences it."""

import asyncio
from decimal import Decimal

from hypothesis import strategies as st

from perdure import Client, Failure, Retry, WorkflowEngine, activity, blocking, workflow
from perdure.testing import check_workflow
from tests.typing.accepted import (
    Charge,
    OutOfStock,
    ProcessPayment,
    charge,
    mail,
    process_payment,
    refund,
    release,
    reserve,
    total,
)


@workflow(key="order_id")
async def wrong_calls(request: ProcessPayment) -> str:
    await charge("card", 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await charge("card")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await charge("card", total=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await reserve("A", 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await mail(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await charge("card", total("A"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    total("A") + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    total("A")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    code: int = await charge("card", Decimal(1))  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    (await charge("card", Decimal(1))).amount  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: B018
    await asyncio.gather(total(3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return code  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


@activity(colour="red")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue]
async def unknown_option(sku: str) -> None: ...


@activity(on_exhausted="fail")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType]
async def unknown_choice(sku: str) -> None: ...


@activity(raises=[ValueError])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
async def no_failure(sku: str) -> None: ...


@charge.compensate  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def returning(amount: Decimal) -> Charge:
    return Charge(reference=str(amount))


@total.compensate(retry=3)  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType]
def wrong_retry(order_id: str) -> None: ...


@workflow  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
async def without_key(request: ProcessPayment) -> None: ...


@workflow(key="order_id")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def no_coroutine(request: ProcessPayment) -> None: ...


@workflow(key="order_id")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def two_requests(request: ProcessPayment, more: int) -> None: ...


@workflow(key=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def no_key(request: ProcessPayment) -> None: ...


@workflow(key="order_id", on_defect="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def unknown_reaction(request: ProcessPayment) -> None: ...


@workflow(key="order_id", run_again="sometimes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def unknown_policy(request: ProcessPayment) -> None: ...


def use() -> None:
    OutOfStock("A")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    OutOfStock(sku=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    OutOfStock()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    print(OutOfStock(sku="A").colour)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # noqa: T201
    Failure(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Retry.exponential(first="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Retry.fixed()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    process_payment.key_of("7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    process_payment.encode_result(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    release([1], 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    refund("7", Decimal(1))  # type: ignore[arg-type, unused-coroutine]  # pyright: ignore[reportArgumentType, reportUnusedCoroutine]
    process_payment(ProcessPayment(order_id="7", payment_method="c"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def use_engine(engine: WorkflowEngine, request: ProcessPayment) -> int:
    await engine.start(process_payment, "7")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await engine.start(process_payment, request, tags={"customer": 7})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    await engine.start(charge, request)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return await engine.execute(process_payment, request)  # type: ignore[arg-type]  # pyright: ignore[reportReturnType]


async def use_client(client: Client, request: ProcessPayment) -> int:
    await client.start(process_payment, "7")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    await client.start(process_payment, request, tags=["customer"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.handle("process_payment@7").resolve("forget")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return await client.execute(process_payment, request)  # type: ignore[arg-type]  # pyright: ignore[reportReturnType]


def use_blocking_client(client: blocking.Client, request: ProcessPayment) -> int:
    client.start(process_payment, "7")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    return client.execute(process_payment, request)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def prove(request: ProcessPayment) -> None:
    check_workflow(process_payment, requests=["7"])  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    check_workflow(process_payment, requests=st.text())  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    check_workflow(charge, requests=[request])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    check_workflow(process_payment, requests=[request], world=int, invariant=str.upper)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
