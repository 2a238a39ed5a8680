"""Between our events and the library's: its Mapper, over topics that are no module paths.

The library's own keeps an event's `__dict__` and imports what a row names; neither fits events with
slots, nor data that may come from elsewhere. It holds no keys: rows that are encrypted are told of,
and those that the library inserts are in clear text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    JSONTranscoder,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
)

from perdure.domain.events import Event
from perdure.domain.identity import shard_of
from perdure.infrastructure import codec
from perdure.infrastructure.entry import Entry
from perdure.infrastructure.stream import check_format


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place, as the library wants it: `originator_id` is the execution id."""

    originator_id: str
    originator_version: int
    event: Event


class EventMapper(Mapper[str]):
    """Between `Recorded` and the library's StoredEvent, by our topics and codec."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())  # which is never asked

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        assert isinstance(domain_event, Recorded), domain_event
        topic, body = codec.encode(domain_event.event)
        return StoredEvent(domain_event.originator_id, domain_event.originator_version, topic, body)

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded:
        try:
            event = codec.decode(stored_event.topic, stored_event.state)
        except ValueError as error:
            name, version = stored_event.originator_id, stored_event.originator_version
            raise unreadable(name, version, stored_event.topic, error) from error
        return Recorded(str(stored_event.originator_id), stored_event.originator_version, event)


def readable(row: Sequence[Any]) -> Sequence[Any]:
    """A recorder's row without format and key, which the library's rows have no place for.

    Raises MapperDeserialisationError where the mapper could take its body for one of ours.
    """
    written, key_id, *event = row
    try:
        check_format(written)
        if key_id is not None:
            raise ValueError(
                f"it is encrypted by the key {key_id!r}, and readers of the library have no keys; "
                "read it by a handle's history"
            )
    except ValueError as error:
        raise unreadable(event[0], event[1], event[2], error) from error
    return event


def unreadable(
    originator_id: object, version: int, topic: str, why: object
) -> MapperDeserialisationError:
    """What readers of the library are told of an event that is kept, but cannot be read here."""
    return MapperDeserialisationError(
        f"{originator_id}: event {version} ({topic}) cannot be read: {why}"
    )


def entries(stored_events: Sequence[StoredEvent]) -> list[Entry]:
    """What to append for these: one entry for each run of versions of one originator."""
    found: list[Entry] = []
    rows: list[tuple[str, bytes]] = []
    previous: tuple[str, int] | None = None
    for stored in stored_events:
        name, version = str(stored.originator_id), stored.originator_version
        if previous != (name, version - 1):
            rows = []
            found.append(Entry(name, shard_of(name), version - 1, rows))
        rows.append((stored.topic, stored.state))
        previous = (name, version)
    return found
