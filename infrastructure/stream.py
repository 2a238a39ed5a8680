"""Rows back into streams: what can be read, and what cannot, execution by execution."""

from collections.abc import Iterable

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.infrastructure import codec
from perdure.infrastructure.sealing import PLAIN, Sealer, Unsealing


def decoded(
    rows: Iterable[tuple[str, int, str, bytes, int, str | None]],
    sealer: Sealer = PLAIN,
) -> dict[str, list[Event] | Undecodable]:
    """The streams of these rows, in order within a stream.

    A row is execution id, version, topic, body, the body's format, and the key it is encrypted by.

    A row that cannot be read, or is missing, makes its stream Undecodable, and no other one.
    """
    decode = codec.decode
    unsealed = Unsealing(sealer).row
    streams: dict[str, list[Event] | Undecodable] = {}
    current = ""
    stream: list[Event] | Undecodable = []
    for execution_id, version, topic, body, written, key_id in rows:
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
            check_format(written)
            plain = body
            if key_id is not None:
                plain = unsealed(key_id, execution_id, version, (topic, body))
            stream.append(decode(topic, plain))
        except ValueError as error:
            stream = Undecodable(execution_id, f"event {version} ({topic})", str(error))
            streams[execution_id] = stream
    return streams


def check_format(written: int) -> None:
    """ValueError for a body that another version wrote: its bytes may look like one of ours."""
    if written != codec.FORMAT:
        raise ValueError(f"it is in format {written}, this version of Perdure reads {codec.FORMAT}")
