"""Replay: recorded events are fed to a body again, and what it asks for is compared.

The requests of one feed are concurrent: they are matched to the recorded ones of that feed by kind,
name, arguments and due in any order; only among identical ones does order decide. A mismatch raises
`NonDeterministicWorkflow`, and nothing is appended. `Feeding` decides which events are fed, and
when: live and on replay it is the same.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from perdure.domain import events
from perdure.domain.errors import NonDeterministicWorkflow, PerdureError
from perdure.domain.events import Event
from perdure.sagas.body import FED, NOTHING, BodyRun, RequestEvent, describe, describe_event
from perdure.sagas.leaks import Leaks
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.whereabouts import line_of
from perdure.sagas.workflow import Workflow

# They tell of how the execution was kept, not of how far this code has come.
GOES_ON = (events.ExecutionResumed, events.CancellationRequested)
NEVER = 1 << 62
ADMINISTRATIVE = (events.ExecutionSuspended, events.ExecutionResumed)


class Feeding:
    """Which recorded events are fed to the body, and in which order.

    While the execution is suspended outcomes are recorded and held; after its resumption they are
    fed in their order. Outcomes that the body does not wait for are never fed.
    """

    __slots__ = ("_abandoned", "_cancelled", "_held", "_suspended")

    def __init__(self) -> None:
        self._cancelled = False
        self._suspended = False
        self._held: list[tuple[int, Event, Any]] = []
        self._abandoned: dict[int, None] = {}  # smaller than an empty set

    def note(self, event: Event) -> None:
        """Takes notice of every recorded event, before `take`."""
        match event:
            case events.ExecutionSuspended():
                self._suspended = True
            case events.ActivityAbandoned():
                self._abandoned[event.ordinal] = None
            case events.ExecutionResumed():
                self._suspended = False
            case events.CancellationRequested():
                if not self._cancelled:  # later ones are only recorded
                    self._suspended = False
                self._cancelled = True

    def suspend(self) -> None:
        """The body has asked for suspension: what is held stays held, live as on replay."""
        self._suspended = True

    def drop(self, ordinal: int) -> None:
        """The body stopped waiting for this one: its outcome is not fed, even one held already."""
        self._abandoned[ordinal] = None

    def take(
        self, version: int, event: Event, value: Any = NOTHING
    ) -> Iterator[tuple[int, Event, Any]]:
        """The events (version, event, value) that are to be fed now that this one is recorded."""
        if not isinstance(event, FED) or getattr(event, "ordinal", 0) in self._abandoned:
            return
        if self._suspended:
            self._held.append((version, event, value))
            return
        yield version, event, value
        if self._held:
            yield from self._release()

    def _release(self) -> Iterator[tuple[int, Event, Any]]:
        while self._held and not self._suspended:
            version, event, value = self._held.pop(0)
            ordinal = getattr(event, "ordinal", 0)
            if ordinal not in self._abandoned:
                yield version, event, value


class Recorded:
    """What a stream says that the body asked for, feed by feed."""

    __slots__ = ("asked", "dropped", "fresh_from", "last_feed", "last_significant")

    def __init__(self, stream: list[Event]) -> None:
        self.asked: dict[int, list[RequestEvent]] = defaultdict(list)
        self.dropped: dict[int, list[int]] = defaultdict(list)
        self.last_significant = 0
        self.last_feed = 0  # the last one after which something was asked for, or dropped
        self.fresh_from = NEVER  # what is fed from this event on was perhaps never fed before
        for version, event in enumerate(stream, 1):
            feed = 0
            match event:
                case events.ActivityStarted() if event.attempt == 1:
                    feed = event.feed
                    self.asked[feed].append(event)
                case events.TimerSet():
                    feed = event.feed
                    self.asked[feed].append(event)
                case events.ExecutionSuspended() if event.cause == "asked":
                    feed = event.feed
                    self.asked[feed].append(event)
                case events.ActivityAbandoned() | events.TimerCancelled():
                    feed = event.feed
                    self.dropped[feed].append(event.ordinal)
            self.last_feed = max(self.last_feed, feed)
            if isinstance(event, FED):
                fresh = isinstance(event, GOES_ON) or len(stream) == 1
                self.fresh_from = version if fresh else NEVER
            if feed or not isinstance(event, ADMINISTRATIVE):
                self.last_significant = version


class Replay:
    """What a replay leads to: the body at rest, and what is not recorded yet.

    `unrecorded` are requests without an event: the attempt had no slot yet. `dropped` is what the
    body stopped waiting for in feeds that no recorded request or drop comes from: the code that
    was there had a defect in them. `asked` is what it asked for after the last feed.
    """

    __slots__ = ("asked", "body", "dropped", "feeding", "last_feed", "unrecorded")

    def __init__(self, body: BodyRun) -> None:
        self.asked: list[Request] = []
        self.body = body
        self.feeding = Feeding()
        self.unrecorded: dict[int, tuple[Request, int, int]] = {}  # with feed and among
        self.dropped: list[tuple[Request, int]] = []  # with feed
        self.last_feed = 0


def replay(
    workflow: Workflow[Any, Any],
    execution_id: str,
    request: Any,
    stream: list[Event],
    versions: dict[str, int],
    *,
    leaks: Leaks | None = None,
    run: type[BodyRun] = BodyRun,
) -> Replay:
    """Runs the body through its recorded events, up to CompensationBegan if there is one.

    Raises Blocked when the code that runs here does not fit what is recorded. The body is then
    left without effect: collected as garbage, its `finally` would run activities for real. One that
    would not leave is kept in `leaks`. `run` may listen to what happens.
    """
    body = run(workflow, execution_id)
    body.loop.versions.update(versions)
    replayed = Replay(body)
    try:
        feed_all(replayed, request, stream)
    except BaseException:
        if not body.dismiss():
            (leaks or Leaks()).keep(body)
        raise
    return replayed


def feed_all(replayed: Replay, request: Any, stream: list[Event]) -> None:
    """Feeds a fresh body what is recorded, and compares; leaving it is the caller's matter."""
    body, recorded = replayed.body, Recorded(stream)
    for version, event in enumerate(stream, 1):
        if isinstance(event, events.CompensationBegan):
            break
        replayed.feeding.note(event)
        for feed, fed, value in replayed.feeding.take(version, event):
            body.loop.edge = version >= recorded.last_significant
            replayed.last_feed = feed
            body.loop.feed = feed
            body.loop.replaying = version < recorded.fresh_from or feed <= recorded.last_feed
            if isinstance(fed, events.ExecutionStarted):
                body.begin(request, fed.time)
            else:
                body.feed(fed, value)
            _compare(replayed, recorded, feed)
    body.loop.edge, body.loop.replaying = True, False


def _compare(replayed: Replay, recorded: Recorded, feed: int) -> None:
    """Numbers the requests of one feed by the recorded ones, or raises."""
    body = replayed.body
    new, dropped = body.asked()
    replayed.asked = new
    if any(isinstance(request, SuspendRequest) for request in new):
        replayed.feeding.suspend()
    expected = recorded.asked.get(feed, [])
    _compare_dropped(replayed, recorded, dropped, feed)
    if not new and not expected:
        return
    first = body.next_ordinal
    rest = list(expected)
    unmatched: list[Request] = []
    ordinals = set(range(first, first + len(new)))
    for matches in (_same_bytes, _same_meaning):
        unmatched, new = [], unmatched or new
        for request in new:
            event = next((event for event in rest if matches(request, event)), None)
            if event is None or event.ordinal not in ordinals:
                unmatched.append(request)
            else:
                rest.remove(event)
                ordinals.discard(event.ordinal)
                body.number(request, event.ordinal)
        if not unmatched:
            break
    if rest:
        event = rest[0]
        raise NonDeterministicWorkflow(
            body.loop.execution_id,
            f"request {event.ordinal}, asked for after event {feed}",
            describe_event(event),
            describe(unmatched[0]) if unmatched else "nothing",
            line_of(unmatched[0]) if unmatched else "",
        )
    _check_count(body, expected, len(expected) + len(unmatched), feed, unmatched)
    for ordinal, request in zip(sorted(ordinals), unmatched, strict=True):
        body.number(request, ordinal)
        replayed.unrecorded[ordinal] = (request, feed, len(expected) + len(unmatched))
    body.next_ordinal = first + len(expected) + len(unmatched)


def _check_count(
    body: BodyRun, expected: list[RequestEvent], count: int, feed: int, extra: list[Request]
) -> None:
    """One recorded request tells how many there were in its feed."""
    if expected and expected[0].among != count:
        raise NonDeterministicWorkflow(
            body.loop.execution_id,
            f"the requests asked for after event {feed}",
            f"{expected[0].among} of them",
            f"{count}" + (f", among them {describe(extra[0])}" if extra else ""),
        )


def _compare_dropped(
    replayed: Replay, recorded: Recorded, dropped: list[Request], feed: int
) -> None:
    actual, expected = [], recorded.dropped.get(feed, [])
    for request in dropped:
        replayed.feeding.drop(request.ordinal)
        never_started = replayed.unrecorded.pop(request.ordinal, None) is not None
        if never_started or isinstance(request, SuspendRequest):
            continue
        if feed > recorded.last_feed:
            replayed.dropped.append((request, feed))
        else:
            actual.append(request.ordinal)
    if sorted(actual) != sorted(expected):
        raise NonDeterministicWorkflow(
            replayed.body.loop.execution_id,
            f"what the body stopped waiting for after event {feed}",
            f"requests {expected}" if expected else "none",
            f"requests {actual}" if actual else "none",
        )


def _same_bytes(request: Request, event: RequestEvent) -> bool:
    match request, event:
        case ActivityRequest(), events.ActivityStarted():
            return _same_name(request, event) and request.arguments == bytes(event.arguments)
        case TimerRequest(), events.TimerSet():
            return request.due == event.due
        case SuspendRequest(), events.ExecutionSuspended():
            return True  # a reason is for people
        case _:
            return False


def _same_meaning(request: Request, event: RequestEvent) -> bool:
    """Whether the arguments say the same once both are read with today's types."""
    if not isinstance(request, ActivityRequest) or not isinstance(event, events.ActivityStarted):
        return False
    if not _same_name(request, event):
        return False
    activity = request.activity
    try:
        recorded = activity.canonical_arguments(bytes(event.arguments))
    except (ValueError, PerdureError):
        return False
    return recorded == activity.canonical_arguments(request.arguments)


def _same_name(request: ActivityRequest, event: events.ActivityStarted) -> bool:
    activity = request.activity
    return event.activity == activity.name or event.activity in activity.aliases
