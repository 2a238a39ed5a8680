"""A history as a file: who it is of, in which formats, and every event by its topic with its body.

Reading gives back the very bytes that were recorded. What cannot be read is refused with the place:
a later format, an unknown event, a broken file. Replaying it is `replays`' matter.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from perdure.domain.errors import BadIdentity, Undecodable
from perdure.domain.events import Event, ExecutionStarted
from perdure.domain.execution import fold
from perdure.domain.identity import Identity
from perdure.infrastructure import codec
from perdure.infrastructure.errors import HistoryNotUsable
from perdure.infrastructure.histories.layout import compact, laid_out

FORMAT = 1  # of the file; the events have one of their own
SUFFIX = ".json"
LONGEST_NAME = 200  # bytes; file systems take 255


@dataclass(frozen=True, slots=True)
class History:
    """Everything that is recorded of one execution: what a replay needs. `source` tells where from.

    >>> history = History.read("histories/process_payment@order-7.json")
    >>> assert_replays(process_payment, history)
    """

    execution_id: str
    events: Sequence[Event]
    source: str = ""

    @property
    def workflow(self) -> str:
        """The name under which it was started."""
        return Identity.of(self.execution_id).name

    @classmethod
    def read(cls, path: str | Path) -> "History":
        """The history in a file. Raises HistoryNotUsable, which tells what is wrong with it."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HistoryNotUsable(str(path), f"it cannot be read: {error}") from error
        return read_text(text, str(path))

    def text(self) -> str:
        """As it stands in a file, laid out for people and for diffs."""
        bodies = [codec.encode(event) for event in self.events]
        whole = Document(
            perdure_history=FORMAT,
            execution=self.execution_id,
            workflow=self.workflow,
            event_format=codec.FORMAT,
            events=[{topic: Raw(body)} for topic, body in bodies],
        )
        return laid_out(msgspec.json.encode(whole).decode())


class Formats(Struct):
    """What is read first: whether the rest can be."""

    perdure_history: int
    event_format: int


class Document(Struct, kw_only=True, forbid_unknown_fields=True):
    """The file. Every event is an object of one field, its topic."""

    perdure_history: int
    execution: str
    workflow: str
    event_format: int
    events: list[dict[str, Raw]]


def read_histories(path: str | Path) -> list[History]:
    """Those in a file, or in all files of a folder that end in .json, by name.

    Raises HistoryNotUsable, for a folder without any too.
    """
    if not Path(path).is_dir():
        return [History.read(path)]
    files = sorted(Path(path).glob(f"*{SUFFIX}"))
    if not files:
        raise HistoryNotUsable(str(path), f"no file in this folder ends in {SUFFIX}")
    return [History.read(each) for each in files]


def read_text(text: str, source: str) -> History:
    """A history as `History.text` has written it, wherever it was kept."""
    try:
        formats = msgspec.json.decode(text, type=Formats)
    except (ValueError, RecursionError) as error:
        raise HistoryNotUsable(source, f"it is no history of Perdure's: {error}") from error
    for what, written, known in (
        ("the file", formats.perdure_history, FORMAT),
        ("what its events are written in", formats.event_format, codec.FORMAT),
    ):
        if written != known:
            told = f"{what} is format {written}, this version of Perdure reads {known}"
            raise HistoryNotUsable(source, told)
    try:
        document = msgspec.json.decode(compact(text), type=Document)
        stated = Identity.of(document.execution).name
    except (ValueError, RecursionError, BadIdentity) as error:
        raise HistoryNotUsable(source, f"it is no whole history: {error}") from error
    if stated != document.workflow:
        raise HistoryNotUsable(
            source, f"its execution {document.execution} is none of workflow {document.workflow}"
        )
    history = History(document.execution, events_of(document, source), source)
    check(history)
    return history


def events_of(document: Document, source: str) -> list[Event]:
    """Raises HistoryNotUsable with the number of the event."""
    found = []
    for version, event in enumerate(document.events, 1):
        try:
            ((topic, body),) = event.items()
        except ValueError:
            told = "it is not one object under the name of its kind"
            raise HistoryNotUsable(source, f"event {version}: {told}") from None
        try:
            found.append(codec.decode(topic, bytes(body)))
        except ValueError as error:
            raise HistoryNotUsable(source, f"event {version} ({topic}): {error}") from error
    return found


def check(history: History) -> None:
    """Raises HistoryNotUsable for events that no execution could have recorded."""
    if not history.events or not isinstance(history.events[0], ExecutionStarted):
        raise HistoryNotUsable(history.source, "its first event is no ExecutionStarted")
    try:
        fold(history.execution_id, list(history.events))
    except Undecodable as error:
        raise HistoryNotUsable(history.source, str(error)) from error


def file_name(execution_id: str) -> str:
    """The name of an execution's file: its id, with what no file system takes as %XX."""
    safe = "".join(
        each if each.isalnum() or each in "@~._-" else "".join(f"%{b:02X}" for b in each.encode())
        for each in execution_id
    )
    if len(safe.encode()) > LONGEST_NAME:
        mark = hashlib.blake2b(execution_id.encode(), digest_size=8).hexdigest()
        safe = f"{safe.encode()[: LONGEST_NAME - len(mark)].decode(errors='ignore')}-{mark}"
    return f"{safe}{SUFFIX}"
