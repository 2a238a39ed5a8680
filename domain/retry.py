"""When a failed attempt is tried again: arithmetic only.

The clock, the drawn randomness and the count of attempts come in as arguments; whoever runs the
attempt records the next time as an event, so that it survives a crash.
"""

import math
from dataclasses import dataclass

LONGEST_DELAY_SECONDS = 366 * 86_400.0  # what dates can carry without care; longer is a mistake


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how fast a failed attempt is tried again. `Retry()`: for ever, 1 s to 60 s.

    The back-off after attempt n is `first_seconds * factor ** (n - 1)`, at most `maximum_seconds`.
    Jitter only shortens it, so that the maximum holds and a crowd that failed together comes back
    apart: the delay lies in `(back-off * (1 - jitter), back-off]`.

    `attempts` counts all tries, the first included. `within_seconds` counts from the start of the
    first attempt; no attempt begins later than that. None: without limit.
    """

    first_seconds: float = 1.0
    maximum_seconds: float = 60.0
    factor: float = 2.0
    attempts: int | None = None
    within_seconds: float | None = None
    jitter: float = 0.1

    @staticmethod
    def exponential(
        first: float = 1.0,
        maximum: float = 60.0,
        *,
        factor: float = 2.0,
        attempts: int | None = None,
        within: float | None = None,
        jitter: float = 0.1,
    ) -> "Retry":
        """Delays that grow by `factor` from `first` to `maximum` seconds."""
        return Retry(first, maximum, factor, attempts, within, jitter)

    @staticmethod
    def fixed(seconds: float, attempts: int | None = None, within: float | None = None) -> "Retry":
        """The same delay each time, without jitter."""
        return Retry(seconds, seconds, 1.0, attempts, within, 0.0)

    @staticmethod
    def never() -> "Retry":
        """One attempt and no other."""
        return Retry(attempts=1)

    def __post_init__(self) -> None:
        _check("first", self.first_seconds, 0, LONGEST_DELAY_SECONDS, "seconds")
        _check("maximum", self.maximum_seconds, 0, LONGEST_DELAY_SECONDS, "seconds")
        _check("factor", self.factor, 1, 1_000_000, "1 keeps the delay, 2 doubles it")
        _check("jitter", self.jitter, 0, 1, "the part of a delay that chance may take off")
        if self.maximum_seconds < self.first_seconds:
            raise ValueError(
                f"Retry: maximum={self.maximum_seconds!r} is less than first="
                f"{self.first_seconds!r}; give a maximum of at least the first delay"
            )
        if self.attempts is not None and (type(self.attempts) is not int or self.attempts < 1):
            raise ValueError(
                f"Retry: attempts={self.attempts!r} must be a whole number from 1 on (it counts "
                "the first try too), or None for no limit"
            )
        if self.within_seconds is not None:
            _check("within", self.within_seconds, 0, math.inf, "seconds, None for no limit")

    def next_delay(
        self,
        attempt: int,
        elapsed_seconds: float,
        fraction: float,
        retry_after: float | None = None,
    ) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 1); None: give up.

        `elapsed_seconds` is the time since the first attempt began. `fraction` in [0, 1) is the
        drawn randomness. `retry_after` is what the other side asked for: it replaces the back-off
        with its maximum and jitter (below 0 it is 0), but not the limits of the policy.
        """
        if self.attempts is not None and attempt >= self.attempts:
            return None
        if retry_after is None or not math.isfinite(retry_after):
            delay = self._back_off(attempt) * (1.0 - self.jitter * fraction)
        else:
            delay = min(max(0.0, retry_after), LONGEST_DELAY_SECONDS)
        if self.within_seconds is not None and elapsed_seconds + delay > self.within_seconds:
            return None
        return delay

    def _back_off(self, attempt: int) -> float:
        try:
            return min(self.maximum_seconds, self.first_seconds * self.factor ** (attempt - 1))
        except OverflowError:  # after some thousand attempts of a policy without end
            return self.maximum_seconds if self.first_seconds else 0.0


def _check(name: str, value: float, least: float, most: float, meaning: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"Retry: {name}={value!r} must be a number ({meaning})")
    if not least <= value <= most:
        limits = f"from {least:,} on" if most == math.inf else f"between {least:,} and {most:,}"
        raise ValueError(f"Retry: {name}={value!r} must be {limits} ({meaning})")
