"""The shop's HTTP interface: which address asks for which operation."""

from starlette.applications import Starlette
from starlette.routing import Route

from perdure.infrastructure.demo.shop.books import Books
from perdure.infrastructure.demo.shop.conduct import Operation
from perdure.infrastructure.demo.shop.desk import Desk, Endpoint
from perdure.infrastructure.demo.shop.services import (
    CancellationBody,
    ChargeBody,
    MailBody,
    MailService,
    NoBody,
    OrderService,
    PaymentGateway,
    RecallBody,
    RefundBody,
    ShipmentBody,
    ShippingService,
    TrackingCodeBody,
)


def shop_app(books: Books, seed: int) -> Starlette:
    """The ASGI application; every POST wants the headers Idempotency-Key and Execution-Id."""
    desk = Desk(books=books, seed=seed)
    orders = OrderService(books=books)
    gateway = PaymentGateway(seed=seed)
    shipping = ShippingService(seed=seed)
    amount = desk.serve(Operation.AMOUNT, NoBody, orders.amount)
    posts: dict[str, Endpoint] = {
        "/payments/charges": desk.serve(Operation.CHARGE, ChargeBody, gateway.charge),
        "/payments/refunds": desk.serve(Operation.REFUND, RefundBody, gateway.refund),
        "/shipping/tracking-codes": desk.serve(
            Operation.CREATE_TRACKING_CODE, TrackingCodeBody, shipping.create_code
        ),
        "/shipping/cancellations": desk.serve(
            Operation.CANCEL_TRACKING_CODE, CancellationBody, shipping.cancel_code
        ),
        "/shipping/shipments": desk.serve(Operation.SHIP, ShipmentBody, shipping.ship),
        "/shipping/recalls": desk.serve(Operation.RECALL, RecallBody, shipping.recall),
        "/mails": desk.serve(Operation.MAIL, MailBody, MailService().send),
    }
    return Starlette(
        routes=[
            Route("/orders", orders.page, methods=["GET"]),
            Route("/orders/{order_id}/amount", amount, methods=["GET"]),
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()),
        ]
    )
