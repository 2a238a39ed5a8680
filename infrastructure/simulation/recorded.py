"""The histories of a journal in memory as text, for the report of a test that failed.

Events are told as `perdure show` tells them. Long ones are cut: the end matters.
"""

from collections.abc import Iterator, Sequence

from perdure.domain.errors import Undecodable
from perdure.domain.events import Event
from perdure.infrastructure.command_line.sentences import Narrator, seconds
from perdure.infrastructure.memory.log import Log

EXECUTIONS_LIMIT = 10
EVENTS_LIMIT = 40


def told(log: Log) -> str:
    """The last executions that were started, with the last of their events."""
    names = list(log.streams)
    return "\n".join(_lines(log, names)) or "nothing"


def _lines(log: Log, names: Sequence[str]) -> Iterator[str]:
    if len(names) > EXECUTIONS_LIMIT:
        yield f"({len(names) - EXECUTIONS_LIMIT} executions before these)"
    for name in names[-EXECUTIONS_LIMIT:]:
        stream = log.read([name])[name]
        if isinstance(stream, Undecodable):
            yield f"{name}: {stream}"
        else:
            yield f"{name}  {log.executions[name].state}"
            yield from _events(stream)


def _events(stream: Sequence[Event]) -> Iterator[str]:
    narrator = Narrator(stream)
    left_out = len(stream) - EVENTS_LIMIT
    if left_out > 0:
        yield f"  ({left_out} events before these)"
    for event in stream[-EVENTS_LIMIT:]:
        sentence = narrator.tell(event)
        at = f"+{seconds(event.time - stream[0].time)} s"
        yield f"  {at:>16}  {sentence.mark} {sentence.text}"
