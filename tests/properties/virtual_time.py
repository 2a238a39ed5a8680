"""An event loop whose time jumps to the next thing that is due, and the journal's clock on it.

Nothing outside is waited for, so a program with seconds of timers runs in microseconds, and always
alike. When nothing is due any more, `NothingWillHappen` tells of a hang instead of hanging.
"""

import asyncio
import selectors

START = 1_800_000_000_000_000  # microseconds since 1970


class NothingWillHappen(Exception):
    """Everybody waits, and no timer is set."""


class _Jumping(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingWillHappen
        self.seconds += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For asyncio.Runner(loop_factory=VirtualLoop)."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.seconds


class VirtualClock:
    """Implements perdure.domain.clock.Clock on a loop's time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> int:
        return START + round(self._loop.time() * 1_000_000)


class NoChance:
    """Implements perdure.domain.clock.Randomness: no jitter."""

    def fraction(self) -> float:
        return 0.0
