"""A violation: something that holds for every workflow did not hold in a world."""


class Violation(AssertionError):
    """What was violated, in words. The story of how is told with it where one is known."""


def demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001 (it reads as an assertion)
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(otherwise)
