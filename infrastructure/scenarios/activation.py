"""A body that is fed what a test says has happened, as an engine would feed it.

It records what an engine would record, so that the rules of the domain tell what would be undone.
Nothing is performed. What may happen is `happenings`' matter, comparing `expectations`'.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from perdure.domain import events, rollback
from perdure.domain.events import End, Event, RecordedError
from perdure.domain.execution import Execution, fold
from perdure.sagas.activity import Activity
from perdure.sagas.body import BodyRun
from perdure.sagas.endings import as_error
from perdure.sagas.leaks import Leaks
from perdure.sagas.replay import Feeding, Replay, feed_all
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.workflow import Workflow


class Activation:
    """See the module. `asked` and `dropped` are of the last thing that has happened."""

    def __init__(self, workflow: Workflow[Any, Any], execution_id: str) -> None:
        self.workflow = workflow
        self.state = Execution(execution_id)
        self.body = BodyRun(workflow, execution_id)
        self.feeding = Feeding()
        self.asked: list[Request] = []
        self.dropped: list[Request] = []
        self.stream: list[Event] = []
        self.body.loop.edge = True

    @property
    def now(self) -> int:
        """Microseconds since 1970: of what has happened last."""
        return self.state.time

    @property
    def ending(self) -> End | RecordedError | None:
        """How the body ended, if it did; what fails after a pivot is suspended for that."""
        ending = self.body.ending
        if isinstance(ending, End) and ending.kind != "succeeded" and self.state.pivot is not None:
            return as_error(ending)
        return ending

    def begin(self, request: Any, time: int, versions: Mapping[str, int]) -> None:
        """The start. `versions` are what version() has answered before."""
        payload, decoded = self.workflow.encode_request(request)
        started = events.ExecutionStarted(
            time=time, request=Raw(payload), code=self.workflow.code_fingerprint
        )
        self._record(started)
        self.body.loop.versions.update(versions)
        self.body.loop.feed = 1
        self.body.begin(decoded, time)
        self._collect(1)

    def replay(self, stream: list[Event]) -> None:
        """Everything that is recorded. Raises Blocked where this body does not fit it."""
        self.state = fold(self.state.id, stream)
        self.stream = list(stream)
        replayed = Replay(self.body)
        self.feeding = replayed.feeding
        self.body.loop.versions.update(self.state.versions)
        request = self.workflow.decode_request(self.state.request)
        feed_all(replayed, request, stream)
        self.asked = list(replayed.asked)
        for dropped, feed in replayed.dropped:
            self._drop(dropped, feed)
        for asked, feed, among in replayed.unrecorded.values():
            self._ask(asked, feed, among)

    def take(self, event: Event) -> None:
        """The next thing that happens."""
        self.asked, self.dropped = [], []
        self._record(event)
        for feed, fed, value in self.feeding.take(self.state.version, event):
            self.body.loop.feed = feed
            self.body.feed(fed, value)
            self._collect(feed)

    def leave(self) -> None:
        """Without effect."""
        if not self.body.dismiss():
            Leaks().keep(self.body)

    def undone(self, end: End) -> tuple[str, ...]:
        """The activities that would be undone for this end, in that order."""
        activities = self.body.activities

        def compensation_of(name: str) -> str | None:
            compensation = activities[name].compensation if name in activities else None
            return None if compensation is None else compensation.name

        return tuple(undo.activity for undo in rollback.plan(self.state, end, compensation_of))

    def waiting(self, activity: Activity[..., Any]) -> list[ActivityRequest]:
        """The requests for this activity that are open, the first one first."""
        requests = self.body.open.values()
        return [
            each
            for each in requests
            if isinstance(each, ActivityRequest) and each.activity is activity
        ]

    def _collect(self, feed: int) -> None:
        body = self.body
        new, dropped = body.asked()
        for change, number in body.loop.new_versions:
            self._record(events.VersionRecorded(time=self.now, change=change, number=number))
        body.loop.new_versions = []
        for request in dropped:
            self.feeding.drop(request.ordinal)
            self._drop(request, feed)
        for request in new:
            body.number(request, body.next_ordinal)
            body.next_ordinal += 1
            self._ask(request, feed, len(new))
        self.asked += new
        self.dropped += dropped

    def _ask(self, request: Request, feed: int, among: int) -> None:
        time, ordinal = self.now, request.ordinal
        match request:
            case ActivityRequest():
                self._record(
                    events.ActivityStarted(
                        time=time,
                        ordinal=ordinal,
                        activity=request.activity.name,
                        attempt=1,
                        arguments=Raw(request.arguments),
                        feed=feed,
                        among=among,
                        pivot=request.activity.pivot,
                    )
                )
            case TimerRequest():
                self._record(
                    events.TimerSet(
                        time=time, ordinal=ordinal, due=request.due, feed=feed, among=among
                    )
                )
            case SuspendRequest():
                self._record(
                    events.ExecutionSuspended(
                        time=time,
                        cause="asked",
                        reason=request.reason,
                        ordinal=ordinal,
                        feed=feed,
                        among=among,
                    )
                )

    def _drop(self, request: Request, feed: int) -> None:
        time, ordinal = self.now, request.ordinal
        match request:
            case ActivityRequest():
                self._record(events.ActivityAbandoned(time=time, ordinal=ordinal, feed=feed))
            case TimerRequest():
                self._record(events.TimerCancelled(time=time, ordinal=ordinal, feed=feed))
            case SuspendRequest():
                return  # told by what ended the suspension

    def _record(self, event: Event) -> None:
        self.state.apply(event)
        self.feeding.note(event)
        self.stream.append(event)
