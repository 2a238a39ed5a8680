"""The ports for time and randomness: what the engine may not take from the machine itself."""

from typing import Protocol


class Clock(Protocol):
    """The journal's time."""

    def now(self) -> int:
        """Microseconds since 1970; never falls."""
        ...


class Ids(Protocol):
    """Where ids of envelopes come from."""

    def new(self) -> str:
        """One that nobody else has, in any process."""
        ...


class Randomness(Protocol):
    """Where jitter comes from. Bodies draw theirs from the execution id instead."""

    def fraction(self) -> float:
        """Uniform in [0, 1)."""
        ...
