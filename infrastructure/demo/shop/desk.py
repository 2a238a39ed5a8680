"""The desk: every call on behalf of an order comes in here, misbehaves as decided, and is noted.

One call is one transaction of the books (the count of asks, the effect, the note), committed before
anything is answered: a lost answer leaves its effect behind. What a service does is `services`.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, assert_never

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from perdure.infrastructure.demo.shop import clock
from perdure.infrastructure.demo.shop.books import Books
from perdure.infrastructure.demo.shop.conduct import (
    SILENCE_SECONDS,
    AnswerLost,
    Conduct,
    Down,
    Loss,
    Operation,
    Proper,
    QuotaExceeded,
    Slow,
    Unavailable,
    conduct_of,
)
from perdure.infrastructure.demo.shop.ledger import Claim, Effect, KeyRefused

Body = TypeVar("Body", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service answers, and what it did to the books."""

    status: int
    effect: Effect
    content: Mapping[str, str | None]
    headers: Mapping[str, str] = field(default_factory=dict)


class DroppedAnswer(Response):
    """A connection that ends before the answer: a promised body that never comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the head alone; the server then closes the connection."""
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def refusal(status: int, code: str, detail: str, **more: str) -> Answer:
    """A definite no: the books are as before, and asking again does not help."""
    content = {"code": code, "detail": detail, **more}
    return Answer(status=status, effect=Effect.REFUSED, content=content)


class NotAccepted(Exception):
    """A call that is malformed: a bug of the caller, so nothing of it is noted."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.response = JSONResponse({"code": "not_accepted", "detail": detail}, status)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The books and the seed of the misbehaviour, shared by all services."""

    books: Books
    seed: int

    def serve(
        self,
        operation: Operation,
        body_type: type[Body],
        perform: Callable[[sqlite3.Connection, Claim, Body], Answer],
    ) -> Endpoint:
        """An HTTP endpoint for one operation; `perform` runs inside the transaction of the call."""

        async def endpoint(request: Request) -> Response:
            try:
                claim = self._claim(request)
                body = body_type.model_validate_json(await request.body() or b"{}")
            except ValidationError as error:
                return NotAccepted(422, str(error)).response
            except NotAccepted as error:
                return error.response
            conduct, answer = self._take(
                operation, claim, lambda books: perform(books, claim, body)
            )
            return await _deliver(conduct, answer)

        return endpoint

    def _claim(self, request: Request) -> Claim:
        """Who asks; the order is read from the execution id, `Name@order` or `Name@order~2`."""
        execution_id = request.headers.get("execution-id", "")
        key = request.headers.get("idempotency-key", "")
        if not execution_id or (request.method == "POST" and not key):
            raise NotAccepted(400, "the headers Execution-Id and Idempotency-Key are missing")
        order_id = execution_id.partition("@")[2].partition("~")[0]
        if request.path_params.get("order_id", order_id) != order_id:
            raise NotAccepted(403, f"{execution_id!r} asks about the order of another")
        known = self.books.reading().execute("SELECT 1 FROM orders WHERE order_id = ?", (order_id,))
        if known.fetchone() is None:
            raise NotAccepted(404, f"{execution_id!r} names no order of this shop")
        return Claim(key=key, order_id=order_id, execution_id=execution_id, at=clock.now())

    def _take(
        self, operation: Operation, claim: Claim, perform: Callable[[sqlite3.Connection], Answer]
    ) -> tuple[Conduct, Answer]:
        """One call in one transaction: count it, decide, perform unless turned away, note it."""
        with self.books.writing() as books:
            asked = books.execute(
                "SELECT count(*) FROM calls WHERE operation = ? AND order_id = ?",
                (operation, claim.order_id),
            ).fetchone()[0]
            conduct = conduct_of(self.seed, operation, claim.order_id, asked + 1)
            answer = _turned_away(conduct) or _performed(books, perform)
            books.execute(
                "INSERT INTO calls (operation, order_id, ask, execution_id, key, conduct, loss,"
                " effect, status, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    operation,
                    claim.order_id,
                    asked + 1,
                    claim.execution_id,
                    claim.key,
                    conduct.word,
                    conduct.loss if isinstance(conduct, AnswerLost) else None,
                    answer.effect,
                    answer.status,
                    claim.at,
                ),
            )
        return conduct, answer


def _turned_away(conduct: Conduct) -> Answer | None:
    """The answer to a call that is not even looked at; None if it is."""
    match conduct:
        case Unavailable():
            content = {"code": "unavailable", "detail": "try again"}
            return Answer(status=503, effect=Effect.NONE, content=content)
        case Down():
            content = {"code": "down", "detail": "this service is down for a while"}
            return Answer(status=503, effect=Effect.NONE, content=content)
        case QuotaExceeded(retry_after_seconds=seconds):
            content = {"code": "quota_exceeded", "detail": "no more codes in this second"}
            headers = {"retry-after": str(seconds)}
            return Answer(status=429, effect=Effect.NONE, content=content, headers=headers)
        case Proper() | Slow() | AnswerLost():
            return None
        case _:
            assert_never(conduct)


def _performed(
    books: sqlite3.Connection, perform: Callable[[sqlite3.Connection], Answer]
) -> Answer:
    try:
        return perform(books)
    except KeyRefused as error:
        return refusal(409, error.code, error.detail)


async def _deliver(conduct: Conduct, answer: Answer) -> Response:
    """What reaches the caller, after everything is committed."""
    match conduct:
        case Slow(seconds=seconds):
            await clock.pause(seconds)
        case AnswerLost(loss=Loss.DROPPED):
            return DroppedAnswer()
        case AnswerLost(loss=Loss.GATEWAY_TIMEOUT):
            return JSONResponse({"code": "gateway_timeout", "detail": "no answer in time"}, 504)
        case AnswerLost(loss=Loss.SILENCE):
            await clock.pause(SILENCE_SECONDS)
            return DroppedAnswer()
        case _:
            pass
    return JSONResponse(dict(answer.content), answer.status, dict(answer.headers))
