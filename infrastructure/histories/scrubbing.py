"""Takes personal data out of a history, so that a replay of it still asks for the same things.

What comes from outside (request, results, failures, reasons, errors) is replaced word by word. In
what the body makes of it (arguments, its result) words that came from outside are replaced alike;
others are the code's own and stay. With the code at hand `rederived` does better.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import End, Event, RecordedError, RecordedFailure
from perdure.domain.identity import Identity, check_key
from perdure.infrastructure.histories.document import History
from perdure.infrastructure.histories.stand_ins import StandIns, words_in
from perdure.sagas.endings import EXHAUSTED

LONG_WORD = 100
OVERLAP = 3  # letters that a word of the body and one from outside have to share to be akin

Accepts = Callable[[Event, bytes], bool]
"""Whether today's types read this payload in the place of the event's own."""


class Scrubber:
    """One history's. `keep` names fields that stay; `accepts` is asked of what comes from outside.

    `kept` are the places of texts that stayed, because their types refuse every stand-in.
    """

    def __init__(
        self,
        stand_ins: StandIns,
        *,
        keep: frozenset[str] = frozenset(),
        keep_id: bool = False,
        accepts: Accepts = lambda event, data: True,
    ) -> None:
        self._stand_ins = stand_ins
        self._keep = keep
        self._keep_id = keep_id
        self._accepts = accepts
        self._outside: set[str] = set()
        self._joined, self._joined_many = "", 0
        self._akin: dict[str, bool] = {}
        self.kept: list[str] = []

    def scrubbed(self, history: History) -> History:
        """The same history of somebody who does not exist."""
        if not self._keep_id:
            self._outside |= words_in([Identity.of(history.execution_id).key])
        execution_id = self._id(history.execution_id)
        made = []
        for event in history.events:
            for payload in outside(event):
                fresh = words_in(texts(json.loads(payload)))
                self._outside |= {word for word in fresh if self._is_foreign(word)}
            made.append(self._event(event))
        return History(execution_id, made, history.source)

    def _event(self, event: Event) -> Event:
        fields: dict[str, Any] = {}
        for name in event.__struct_fields__:
            value = getattr(event, name)
            match name, value:
                case "request" | "result", Raw() if self._from_outside(event):
                    fields[name] = self._payload(event, name, value)
                case "arguments" | "result", Raw():
                    fields[name] = self._derived(name, value)
                case "failure", RecordedFailure():
                    fields[name] = self._failure(event, value)
                case "error", RecordedError():
                    fields[name] = self._error(value)
                case "end", End():
                    fields[name] = self._end(event, value)
                case "reason", str():
                    fields[name] = self._text(value)
                case "tags", dict():
                    fields[name] = {key: self._text(each) for key, each in value.items()}
                case "previous", str() if value:
                    fields[name] = self._id(value)
        return msgspec.structs.replace(event, **fields)

    @staticmethod
    def _from_outside(event: Event) -> bool:
        return isinstance(event, events.ExecutionStarted | events.ActivitySucceeded)

    def _id(self, execution_id: str) -> str:
        """Its key is personal as likely as not: an e-mail address, a customer's number."""
        if self._keep_id:
            return execution_id
        identity = Identity.of(execution_id)
        key = check_key(self._stand_ins.text(identity.key))
        return str(Identity(identity.name, key, identity.run))

    def _payload(self, event: Event, name: str, data: Raw) -> Raw:
        """What comes from outside: all of its texts, or those that its type can do without."""
        value = json.loads(bytes(data))
        whole = encoded(self._value(name, value, self._is_foreign))
        if self._accepts(event, bytes(whole)):
            return whole
        renamed = self._keys(value)
        if self._accepts(event, bytes(encoded(renamed))):
            value = renamed
        for place in places(value):
            before = at(value, place)
            put(value, place, self._value(str(place[-1]), before, self._is_foreign))
            if not self._accepts(event, bytes(encoded(value))):
                put(value, place, before)
                self.kept.append(".".join([name, *map(str, place)]))
        return encoded(value)

    def _derived(self, name: str, data: Raw) -> Raw:
        if not bytes(data):
            return data
        return encoded(self._value(name, json.loads(bytes(data)), self._is_akin))

    def _failure(self, event: Event, failure: RecordedFailure) -> RecordedFailure:
        if failure.name == EXHAUSTED:
            activity, attempts, error = json.loads(bytes(failure.data))
            data = encoded([activity, attempts, self._text(error)])
        else:
            data = self._payload(event, "failure", failure.data)
        return msgspec.structs.replace(failure, data=data, text=self._text(failure.text))

    def _error(self, error: RecordedError) -> RecordedError:
        """A traceback quotes whatever there was: it goes."""
        return msgspec.structs.replace(error, text=self._text(error.text), traceback="")

    def _end(self, event: Event, end: End) -> End:
        return msgspec.structs.replace(
            end,
            result=self._derived("result", end.result),
            failure=None if end.failure is None else self._failure(event, end.failure),
            also=tuple(self._failure(event, each) for each in end.also),
            error=None if end.error is None else self._error(end.error),
            reason=self._text(end.reason),
        )

    def _text(self, text: str) -> str:
        return self._stand_ins.text(text, self._is_foreign)

    def _value(self, name: str, value: Any, foreign: Callable[[str], bool]) -> Any:
        if name in self._keep:
            return value
        match value:
            case str():
                return self._stand_ins.text(value, foreign)
            case dict():
                return {
                    self._key(key, foreign): self._value(key, each, foreign)
                    for key, each in value.items()
                }
            case list():
                return [self._value(name, each, foreign) for each in value]
            case int() | float():
                return self._stand_ins.number(value)
            case _:
                return value

    def _key(self, key: str, foreign: Callable[[str], bool]) -> str:
        """The name of a field stays; other keys are data."""
        return key if key.isidentifier() else self._stand_ins.text(key, foreign)

    def _keys(self, value: Any) -> Any:
        match value:
            case dict():
                return {
                    self._key(key, self._is_foreign): self._keys(each)
                    for key, each in value.items()
                }
            case list():
                return [self._keys(each) for each in value]
            case _:
                return value

    def _is_foreign(self, word: str) -> bool:
        """Whether a word from outside is none that the body's own code has written before."""
        return self._akin.get(word.casefold(), True)

    def _is_akin(self, word: str) -> bool:
        """Whether a word of the body's is one from outside, a part of one, or has one in it.

        What was decided first stays: a result may repeat what the body has written.
        """
        plain = word.casefold()
        if plain not in self._akin:
            self._akin[plain] = plain in self._outside or self._overlaps(plain)
        return self._akin[plain]

    def _overlaps(self, word: str) -> bool:
        """Payloads may have a hundred thousand words, so none of this compares each with each."""
        if len(word) < OVERLAP:
            return False
        if len(word) > LONG_WORD:  # nothing that somebody writes into code
            return True
        if self._joined_many != len(self._outside):
            self._joined_many = len(self._outside)
            self._joined = "\n".join(self._outside)
        parts = (
            word[first:last]
            for first in range(len(word))
            for last in range(first + OVERLAP, len(word) + 1)
        )
        return word in self._joined or any(part in self._outside for part in parts)


def outside(event: Event) -> Iterator[bytes]:
    """The payloads that a body is given."""
    match event:
        case events.ExecutionStarted():
            yield bytes(event.request)
        case events.ActivitySucceeded():
            yield bytes(event.result)
        case events.ActivityFailed(failure=RecordedFailure() as failure):
            yield bytes(failure.data)


def texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                if not key.isidentifier():
                    yield key
                yield from texts(each)
        case list():
            for each in value:
                yield from texts(each)


def places(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where there is something that can be replaced. None for a value that is no object or list."""
    inner: Mapping[Any, Any] = {}
    match value:
        case dict():
            inner = value
        case list():
            inner = dict(enumerate(value))
        case _ if before:
            yield before
    for key, each in inner.items():
        yield from places(each, (*before, key))


def at(value: Any, place: tuple[str | int, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def put(value: Any, place: tuple[str | int, ...], replacement: Any) -> None:
    at(value, place[:-1])[place[-1]] = replacement


def encoded(value: Any) -> Raw:
    return Raw(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
