"""The watchdog: tells of a body that blocks the engine's thread, while it does, with its stack.

A body that computes for long, or waits without awaiting, holds up every execution, timer and lease
of its engine. One thread looks at all bodies of the process, as long as an engine is open.
"""

import logging
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from perdure.sagas.log_fields import about_execution

if TYPE_CHECKING:
    from perdure.sagas.loop import BodyLoop

LOOK_SECONDS = 0.25
PATIENCE_LOOKS = 2  # told between 0.5 and 0.75 s after it began

log = logging.getLogger("perdure")


class Watchdog:
    """See the module. `open` and `close` count the engines of the process."""

    def __init__(self) -> None:
        self.watched: dict[int, BodyLoop] = {}  # by the thread that runs it just now
        self._lock = threading.Lock()
        self._engines = 0
        self._stop = threading.Event()
        self.thread: threading.Thread | None = None  # while an engine is open

    def open(self) -> None:
        with self._lock:
            self._engines += 1
            if self._engines == 1:
                self._stop = threading.Event()
                arguments = (self.watched, self._stop)
                name = "perdure-watchdog"
                self.thread = threading.Thread(target=watch, args=arguments, name=name, daemon=True)
                self.thread.start()

    def close(self) -> None:
        with self._lock:
            self._engines -= 1
            if self._engines == 0:
                self._stop.set()
                self.thread = None


def watch(watched: dict[int, "BodyLoop"], stop: threading.Event) -> None:
    """The body of the thread."""
    seen: dict[int, tuple[BodyLoop, int, int]] = {}
    while not stop.wait(LOOK_SECONDS):
        now: dict[int, tuple[BodyLoop, int, int]] = {}
        for thread, body in list(watched.items()):
            before, rests, looks = seen.get(thread, (None, 0, 0))
            same = before is body and rests == body.rests
            looks = looks + 1 if same else 0
            now[thread] = (body, body.rests, looks)
            if looks == PATIENCE_LOOKS:
                tell(body, thread)
        seen = now


def tell(body: "BodyLoop", thread: int) -> None:
    frame = sys._current_frames().get(thread)
    stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
    log.error(
        "%s: its body blocks the engine: it has run for %s s without awaiting anything; let an "
        "activity do what takes long. It is at\n%s",
        body.execution_id,
        LOOK_SECONDS * PATIENCE_LOOKS,
        stack,
        extra=about_execution(body.execution_id, body.feed),
    )


watchdog = Watchdog()
