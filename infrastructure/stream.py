"""Rows back into streams: what can be read, and what cannot, execution by execution."""

from collections.abc import Iterable

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.infrastructure import codec


def decoded(
    rows: Iterable[tuple[str, int, str, bytes]],
) -> dict[str, list[Event] | Undecodable]:
    """The streams of these rows: execution id, version, topic, body, in order within a stream.

    A row that cannot be read, or is missing, makes its stream Undecodable, and no other one.
    """
    decode = codec.decode
    streams: dict[str, list[Event] | Undecodable] = {}
    current = ""
    stream: list[Event] | Undecodable = []
    for execution_id, version, topic, body in rows:
        if execution_id != current:
            current = execution_id
            streams[execution_id] = stream = []
        if isinstance(stream, Undecodable):
            continue
        if version != len(stream) + 1:
            stream = Undecodable(execution_id, f"event {len(stream) + 1}", "it is missing")
            streams[execution_id] = stream
            continue
        try:
            stream.append(decode(topic, body))
        except ValueError as error:
            stream = Undecodable(execution_id, f"event {version} ({topic})", str(error))
            streams[execution_id] = stream
    return streams
