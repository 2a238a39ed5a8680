"""Orders to an execution that are refused, or wait for a key. Nothing was recorded."""

from perdure.domain.errors import PerdureError


class CannotCancel(PerdureError):
    """The execution is past its pivot: it can only go on. Nothing was recorded."""

    def __init__(self, execution_id: str, pivot: str) -> None:
        self.execution_id = execution_id
        self.pivot = pivot
        super().__init__(
            f"{execution_id}: past its pivot {pivot}, nothing is rolled back any more; let it end"
        )


class CannotResolve(PerdureError):
    """There is nothing to decide on, or the decision does not fit. Nothing was recorded."""

    def __init__(self, execution_id: str, why: str) -> None:
        self.execution_id = execution_id
        self.why = why
        super().__init__(f"{execution_id}: not resolved: {why}; handle.status() says how it is")


class OrderWithheld(PerdureError):
    """An order that is encrypted by a key that is not given here. It stays in the mailbox."""

    def __init__(self, execution_id: str, why: str) -> None:
        self.execution_id = execution_id
        self.why = why
        super().__init__(f"{execution_id}: the order waits for its key: {why}")
