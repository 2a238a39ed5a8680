"""The library's subscription on a journal: looks for new events ten times a second.

They come from an engine's writer, maybe of another process, which knows of no subscription; so
there is no hint to wait for. It has a thread, as the library's have: for one or two in a process.
"""

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription

LOOK_SECONDS = 0.1


class LookingSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """Yields the notifications after `gt`, and waits for more; `stop` ends it."""

    def _loop_on_pull(self) -> None:
        try:
            while not self._has_been_stopped:
                self._pull()
                self._has_been_notified.wait(LOOK_SECONDS)  # set by `stop`
        except BaseException as error:  # raised to whoever iterates
            self._thread_error = error
            self.stop()
