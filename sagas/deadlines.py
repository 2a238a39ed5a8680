"""The deadline of a whole execution: when it passes, the execution is cancelled and rolled back.

It is `deadline=` of the workflow after the recorded start, so it survives restarts; today's code
holds. It counts while the execution waits, is suspended or blocked, and ends with the rollback, the
end, an earlier cancellation or the pivot.
"""

from perdure.sagas.index import deadline_of
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.recovery import cancel


def watch(execution: LiveExecution) -> None:
    """Sets the timer, if there is a deadline."""
    due = deadline_of(execution)
    if due is not None:
        execution.deadline = Deadline(execution)
        execution.around.timers.add(due, 0, execution.deadline.passed)


def expire(execution: LiveExecution) -> bool:
    """Cancels the execution if its deadline has passed."""
    due = deadline_of(execution)
    if due is None or due > execution.now() or execution.gone:
        return False
    seconds = execution.workflow.deadline
    cancel(execution, f"its deadline of {seconds:g} s has passed")
    return True


class Deadline:
    """The timer of one. Implements `timers.Sleeper`."""

    __slots__ = ("__weakref__", "_execution")

    def __init__(self, execution: LiveExecution) -> None:
        self._execution = execution

    def waits_for(self, _: int, due: int) -> bool:
        """Whether the timer is still of use."""
        return not self._execution.gone and deadline_of(self._execution) == due

    def passed(self, _: int) -> None:
        """It has passed, or the clock says so."""
        if expire(self._execution):
            self._execution.submit()
