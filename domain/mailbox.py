"""The mailbox: orders to executions from whoever does not own them, and what came of them.

An envelope has an id of its own, chosen by its sender. The owner settles it exactly once, in the
same transaction as the events that it causes, and does not delete it: the same id again is answered
from the row. Settled ones are deleted after KEPT_SECONDS. How they are carried out is the engine's
matter, how they are stored the journal's.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Raw

from perdure.domain.errors import (
    BadIdentity,
    DifferentRequest,
    OrderRefused,
    PerdureError,
    Undecodable,
    UnknownCode,
    UnknownExecution,
)
from perdure.domain.refusals import CannotCancel, CannotResolve, OrderWithheld

KINDS = ("start", "cancel", "resume", "resolve")

KEPT_SECONDS = 7 * 24 * 3600
OPEN_PAGE = 512  # envelopes that are read at once
FORGET_PAGE = 1_000  # and settled ones that are deleted at once


@dataclass(frozen=True, slots=True)
class Envelope:
    """One order to one execution. `kind` is one of KINDS, `body` JSON, `sent` microseconds.

    `arrival` is given by the journal when it is posted: later ones have a higher one. `unreadable`:
    why the body cannot be read here, empty if it can; `stays_open`: with a key that is not given
    it could be.
    """

    id: str
    shard: int
    execution_id: str
    kind: str
    body: bytes
    sent: int
    arrival: int = 0
    unreadable: str = ""
    stays_open: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an owner writes of an envelope when it is carried out, or cannot be. `reply` is JSON."""

    envelope_id: str
    shard: int
    settled: int
    reply: bytes


class StartOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a start: the encoded request, its tags, and when it is to begin, if later."""

    request: Raw
    start_at: int = 0
    tags: dict[str, str] = {}


class PlainOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request to cancel or to resume."""

    reason: str


class ResolveOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a decision on a compensation; `arguments` is JSON, null for none."""

    how: str
    reason: str
    arguments: Raw = Raw(b"null")


class Taken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """The reply to what was carried out. `joined`: a start of an execution that was there.

    `run`: which run of its key a start began or joined.
    """

    joined: bool = False
    run: int = 1


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """The reply to what could not be carried out: an error by its name and fields."""

    error: str
    fields: dict[str, str]
    text: str


Reply: TypeAlias = Taken | Refused
B = TypeVar("B", bound=msgspec.Struct)

_reply_of = msgspec.json.Decoder(Taken | Refused).decode

# What a reply can name, so that a client raises what a handle of the engine would.
TOLD: dict[str, type[PerdureError]] = {
    kind.__name__: kind
    for kind in (
        BadIdentity,
        CannotCancel,
        CannotResolve,
        DifferentRequest,
        Undecodable,
        UnknownCode,
        UnknownExecution,
    )
}


def encoded(message: msgspec.Struct) -> bytes:
    """A body or a reply as JSON."""
    return msgspec.json.encode(message)


def body_of(envelope: Envelope, kind: type[B]) -> B:
    """The body of an order. Raises Undecodable, and OrderWithheld while its key is not given."""
    if envelope.stays_open:
        raise OrderWithheld(envelope.execution_id, envelope.unreadable)
    what = f"the order to {envelope.kind}"
    if envelope.unreadable:
        raise Undecodable(envelope.execution_id, what, envelope.unreadable)
    try:
        return msgspec.json.decode(envelope.body, type=kind)
    except msgspec.MsgspecError as error:
        raise Undecodable(envelope.execution_id, what, str(error)) from error


def storable(text: str) -> str:
    """The same text, with escapes for what is no Unicode, as names of files hold it."""
    return text.encode("utf-8", "backslashreplace").decode()


def refusal(error: Exception) -> Refused:
    """The reply that says why."""
    name = type(error).__name__
    if name not in TOLD:
        return Refused(error="OrderRefused", fields={}, text=storable(f"{name}: {error}"))
    fields = {field: storable(str(value)) for field, value in vars(error).items()}
    return Refused(error=name, fields=fields, text=storable(str(error)))


def reply_of(execution_id: str, data: bytes) -> Reply:
    """A stored reply. One that cannot be read, of a later version perhaps, says so as a refusal."""
    try:
        return cast("Reply", _reply_of(data))
    except msgspec.MsgspecError as error:
        return refusal(Undecodable(execution_id, "the reply to an order", str(error)))


def error_of(execution_id: str, refused: Refused) -> PerdureError:
    """The error of a refusal, as the owner had it."""
    kind = TOLD.get(refused.error)
    if kind is None:
        return OrderRefused(execution_id, refused.text)
    try:
        return kind(**refused.fields) if refused.fields else kind(refused.text)
    except TypeError:  # of another version, with other fields
        return OrderRefused(execution_id, refused.text)


class Mailbox(Protocol):
    """The owner's side of a journal's mailbox; it settles by appending."""

    async def envelopes(self, after: int = 0, limit: int = OPEN_PAGE) -> list[Envelope]:
        """Open ones that came after this arrival, in the order of their coming."""
        ...

    async def mail(self) -> None:
        """Returns when envelopes may have come since it last did; at once the first time.

        A hint, which may be wrong either way for a moment. For one caller at a time.
        """
        ...

    async def forget(self, settled_before: int) -> int:
        """Deletes some of those that were settled before; 0: there are none left."""
        ...
