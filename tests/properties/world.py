"""A world that does each thing once for a key, and is at once offended by a call that may not be.

A call is only right while its attempt is the last thing recorded of its activity: stored before it
is made, never made again once an outcome is stored, never under a number that was there before.
Each execution has a world of its own: an activity finds it by the id that it is called for.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from perdure import Failure, current_activity, suspend
from perdure.domain import events
from perdure.domain.events import Event
from perdure.domain.identity import idempotency_key
from tests.properties.lockstep import pause as pause_thread

SLOW_SECONDS = 0.03
EXECUTION = "interpret@p"


class Lost(Exception):
    """A defect: broken before the thing was done, or the answer lost after it."""


class CannotBeUndone(Failure):
    """Until somebody resumes it."""


class ProcessDied(BaseException):
    """In a thread that outlives its process: it does nothing any more."""


@dataclass
class World:
    """`stream` reads what is stored of the one execution; `dead` while its process is."""

    stream: Callable[[], list[Event]] = list
    call_seconds: float = 0.0  # what a call takes at least
    dead: bool = False
    mended: bool = False  # the body's defects are: another deploy
    running: list[tuple[str, object]] = field(default_factory=list)  # forward attempts under way
    effects: dict[str, int] = field(default_factory=dict)  # site by key
    undone: dict[str, str | None] = field(default_factory=dict)  # given result by forward key
    undo_order: list[str] = field(default_factory=list)  # forward keys, first calls only
    keys: dict[int, set[str]] = field(default_factory=dict)  # by site
    calls: Counter[str] = field(default_factory=Counter)  # by key
    refused: set[str] = field(default_factory=set)  # keys; and so they stay
    attempts: set[tuple[str, int]] = field(default_factory=set)
    offences: list[str] = field(default_factory=list)
    execution_id: str = EXECUTION

    def begin(self, stream: Callable[[], list[Event]], call_seconds: float = 0.0) -> None:
        """A new world for a new play."""
        self.__init__(stream, call_seconds)  # type: ignore[misc]

    async def do(self, site: int, script: str, refusal: Exception) -> None:
        """One attempt; the letter of `script` at its number says how it goes."""
        await self._alive()
        key, letter = self._arrived(site, script)
        self.running.append(under_way := (key, process()))
        try:
            if seconds := self._seconds(site, letter):
                await asyncio.sleep(seconds)
                await self._alive()
            self._perform(key, site, letter, refusal)
            if letter == "t":
                await asyncio.sleep(SLOW_SECONDS)
            if letter == "l":
                raise Lost("after")
        finally:
            self.running.remove(under_way)

    def do_in_thread(self, site: int, script: str, refusal: Exception) -> None:
        """As `do`, from a thread."""
        self._check_alive()
        key, letter = self._arrived(site, script)
        self.running.append(under_way := (key, process()))
        try:
            if seconds := self._seconds(site, letter):
                self.pause(seconds)
                self._check_alive()
            self._perform(key, site, letter, refusal)
            if letter == "t":
                self.pause(SLOW_SECONDS)
            if letter == "l":
                raise Lost("after")
        finally:
            self.running.remove(under_way)

    def pause(self, seconds: float) -> None:
        """Time passes for a call in a thread."""
        pause_thread(seconds)

    def is_mended(self) -> bool:
        """Whether the defects of the body are."""
        return self.mended

    def _arrived(self, site: int, script: str) -> tuple[str, str]:
        context = current_activity()
        key, attempt = context.idempotency_key, context.attempt
        self.keys.setdefault(site, set()).add(key)
        self._check_attempt(key, attempt)
        self._check_stored(key, attempt, events.ActivityStarted)
        return key, self._letter(key, script)

    def _seconds(self, site: int, letter: str) -> float:
        """Of no two sites the same, if calls take any time."""
        return self.call_seconds * (1 + site / 97) + SLOW_SECONDS * (letter == "s")

    def _letter(self, key: str, script: str) -> str:
        call = self.calls[key]
        self.calls[key] += 1
        return "f" if key in self.refused else script[call : call + 1] or "o"

    def _perform(self, key: str, site: int, letter: str, refusal: Exception) -> None:
        if letter == "d":
            raise Lost("before")
        if letter == "p":
            _ = suspend(f"{site} needs somebody")
        if (letter == "f" or key in self.refused) and key not in self.effects:
            self.refused.add(key)
            raise refusal
        self.effects.setdefault(key, site)

    async def undo(self, script: str, result: str | None) -> None:
        """One attempt of a compensation."""
        if self.call_seconds:
            await asyncio.sleep(self.call_seconds)
        await self._alive()
        self._undo(script, result)

    def undo_in_thread(self, script: str, result: str | None) -> None:
        if self.call_seconds:
            self.pause(self.call_seconds)
        self._check_alive()
        self._undo(script, result)

    def _undo(self, script: str, result: str | None) -> None:
        context = current_activity()
        assert context.undoes is not None
        forward = context.undoes.idempotency_key
        self._check_attempt(context.idempotency_key, context.attempt)
        self._check_stored(forward, context.attempt, events.CompensationStarted)
        if self._in_flight():
            self._offend("a compensation began while attempts were in flight")
        if (result is None) != (context.undoes.outcome == "unknown"):
            self._offend(f"{result!r} was given to undo what is {context.undoes.outcome}")
        if forward not in self.undo_order:
            self.undo_order.append(forward)
        letter = self._letter(context.idempotency_key, script)
        if letter == "d":
            raise Lost("before")
        if letter == "f":
            raise CannotBeUndone()
        self.undone.setdefault(forward, result)
        if letter == "l":
            raise Lost("after")

    def _in_flight(self) -> bool:
        """Whether an attempt is, of the process that asks."""
        return bool(self.running)

    async def _alive(self) -> None:
        """The dead do nothing: what they were about to do never happens."""
        if self.dead:
            await asyncio.get_running_loop().create_future()

    def _check_alive(self) -> None:
        if self.dead:
            raise ProcessDied

    def _offend(self, text: str) -> None:
        self.offences.append(text)

    def _check_attempt(self, key: str, attempt: int) -> None:
        if (key, attempt) in self.attempts:
            self._offend(f"attempt {attempt} of {key} was made twice")
        self.attempts.add((key, attempt))

    def _check_stored(self, forward: str, attempt: int, kind: type[Event]) -> None:
        stream = self.stream()
        keys = forward_keys(stream, self.execution_id)
        ordinals = [o for o, key in keys.items() if key == forward]
        field_name = "ordinal" if kind is events.ActivityStarted else "undoes"
        about = [
            event
            for event in stream
            if ordinals and getattr(event, field_name, None) == ordinals[0]
        ]
        last = about[-1] if about else None
        if type(last) is not kind or getattr(last, "attempt", 0) != attempt:
            self._offend(f"attempt {attempt} of {forward} ran while {last} was stored last")


def process() -> object:
    """The loop of the process that calls; a thread has none."""
    return asyncio._get_running_loop()


def forward_keys(stream: list[Event], execution_id: str = EXECUTION) -> dict[int, str]:
    """The idempotency keys of the activities that are recorded, by ordinal."""
    return {
        event.ordinal: idempotency_key(execution_id, "activity", event.ordinal, event.activity)
        for event in stream
        if isinstance(event, events.ActivityStarted) and event.attempt == 1
    }


world = World()
worlds: dict[str, World] = {EXECUTION: world}  # by execution; plays have one, simulated ones more


def here() -> World:
    """The world of the execution that the activity is called for."""
    return worlds[current_activity().execution_id]
