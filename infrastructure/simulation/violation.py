"""A violation: something that holds for every workflow did not hold in a world."""


class Violation(AssertionError):
    """What was violated, in words; of which execution, if it is one's."""

    __module__ = "perdure.testing"  # where users know it from

    def __init__(self, text: str) -> None:
        self.execution_id = ""
        self.happened: list[tuple[str, int, str]] = []  # the faults of its world
        self.story = ""
        super().__init__(text)


def demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001 (it reads as an assertion)
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(otherwise)
