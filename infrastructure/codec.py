"""Events to bytes and back: one codec for all journals.

Topics are stable names (`events.TOPICS`), never module paths; bodies are JSON by msgspec, under one
microsecond each way. Payloads inside were encoded by the users' declared types before.
"""

from typing import Any

import msgspec

from perdure.domain import events

FORMAT = 1  # of the bodies; stored with every row, for upcasters

_encode = msgspec.json.Encoder().encode
_TOPIC_OF = {kind: topic for topic, kind in events.TOPICS.items()}
_DECODE: dict[str, Any] = {
    topic: msgspec.json.Decoder(kind).decode for topic, kind in events.TOPICS.items()
}


class UnknownTopic(ValueError):
    """A row that names an event of another, perhaps later, version of Perdure."""


def encode(event: events.Event) -> tuple[str, bytes]:
    """Topic and body of an event."""
    topic = _TOPIC_OF[type(event)]
    try:
        return topic, _encode(event)
    except UnicodeEncodeError:
        # The text of an exception may hold what is no Unicode, as names of files do; that must not
        # keep it from being recorded.
        return topic, _encode(well_formed(event))


def decode(topic: str, body: bytes) -> events.Event:
    """The event. Raises ValueError, of which UnknownTopic and msgspec's errors are kinds."""
    decoder = _DECODE.get(topic)
    if decoder is None:
        raise UnknownTopic(f"no event is called {topic!r} here")
    try:
        event: events.Event = decoder(body)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    return event


def well_formed(value: Any) -> Any:
    """The same text, struct or tuple, with lone surrogates and NUL written as escapes."""
    match value:
        case str():
            text = value.encode("utf-8", "backslashreplace").decode()
            return text.replace("\x00", "\\x00")
        case msgspec.Struct():
            fields = msgspec.structs.asdict(value)
            return type(value)(**{name: well_formed(field) for name, field in fields.items()})
        case tuple():
            return tuple(map(well_formed, value))
        case _:
            return value
