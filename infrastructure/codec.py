"""Events to bytes and back: one codec for all journals.

Topics are stable names (`events.TOPICS`), never module paths; bodies are JSON by msgspec, about one
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
    return _TOPIC_OF[type(event)], _encode(event)


def decode(topic: str, body: bytes) -> events.Event:
    """The event. Raises UnknownTopic or msgspec's errors, both ValueError."""
    decoder = _DECODE.get(topic)
    if decoder is None:
        raise UnknownTopic(f"no event is called {topic!r} here")
    event: events.Event = decoder(body)
    return event
