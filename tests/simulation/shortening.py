"""From a world that breaks to a smaller one that breaks as well: less that happens, fewer orders.

Faults are left out by halves, then one by one; then orders, parts of programs, and whatever else is
not needed. So many trials are made and no more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from perdure.infrastructure.simulation.schedule import Fault, Listed
from tests.properties.interpreter import Program
from tests.simulation.playing import Playing, play
from tests.simulation.setting import Setting

TRIALS_LIMIT = 3_000
USUAL = Setting()
SCRIPTED = 3  # where the scripts of an activity begin


@dataclass
class Shortening:
    """The smallest that breaks so far."""

    setting: Setting
    faults: tuple[Fault, ...]
    trials: int = 0

    def breaks(self, setting: Setting, faults: Sequence[Fault]) -> bool:
        """Whether this breaks as well; then it is the smallest."""
        self.trials += 1
        if self.trials > TRIALS_LIMIT:
            return False
        playing = play(setting, Listed(faults))
        if playing.problem is None:
            return False
        self.setting, self.faults = setting, tuple(playing.schedule.happened)
        return True

    def shorten(self) -> None:
        before: object = None
        while before != (self.setting, self.faults):
            before = self.setting, self.faults
            self._fewer_faults()
            self._fewer_orders()
            self._smaller_programs()
            self._plainer()

    def _fewer_faults(self) -> None:
        size = max(1, len(self.faults) // 2)
        while size:
            at = 0
            while at < len(self.faults):
                if not self.breaks(self.setting, self.faults[:at] + self.faults[at + size :]):
                    at += size
            size //= 2

    def _fewer_orders(self) -> None:
        for order in self.setting.orders:
            left = tuple(each for each in self.setting.orders if each is not order)
            if left:
                self.breaks(replace(self.setting, orders=left), self.faults)
        self.breaks(without_unused(self.setting), self.faults)

    def _smaller_programs(self) -> None:
        for number in range(len(self.setting.programs)):
            while any(
                self.breaks(with_program(self.setting, number, smaller), self.faults)
                for smaller in smaller_than(self.setting.programs[number])
            ):
                pass

    def _plainer(self) -> None:
        for field in fields(Setting):
            usual: Any = getattr(USUAL, field.name)
            if (
                field.name not in ("programs", "orders")
                and getattr(self.setting, field.name) != usual
            ):
                self.breaks(replace(self.setting, **{field.name: usual}), self.faults)


def without_unused(setting: Setting) -> Setting:
    """The same, without programs that nobody orders."""
    used = sorted({order.number for order in setting.orders})
    orders = tuple(replace(each, number=used.index(each.number)) for each in setting.orders)
    return replace(setting, programs=tuple(setting.programs[each] for each in used), orders=orders)


def with_program(setting: Setting, number: int, program: Program) -> Setting:
    before, after = setting.programs[:number], setting.programs[number + 1 :]
    return replace(setting, programs=(*before, program, *after))


def smaller_than(program: Program) -> Iterator[Program]:
    """Parts of it, it with a part left out, and it with a part made smaller."""
    kind = program[0]
    if kind == "do":
        for at in range(SCRIPTED, len(program)):
            if program[at]:
                yield [*program[:at], "", *program[at + 1 :]]
        return
    for at, part in enumerate(program[1:], 1):
        if is_program(part):
            yield part
            yield from ([*program[:at], each, *program[at + 1 :]] for each in smaller_than(part))
        elif isinstance(part, list):
            for inner, one in enumerate(part):
                yield one
                rest = [*part[:inner], *part[inner + 1 :]]
                if rest:
                    yield [*program[:at], rest, *program[at + 1 :]]
                for each in smaller_than(one):
                    yield [*program[:at], [*part[:inner], each, *part[inner + 1 :]]]


def is_program(part: object) -> bool:
    return isinstance(part, list) and bool(part) and isinstance(part[0], str)


def shortest(playing: Playing) -> Playing:
    """The smallest world that breaks, found from this one."""
    shortening = Shortening(playing.setting, tuple(playing.schedule.happened))
    shortening.shorten()
    return play(shortening.setting, Listed(shortening.faults))
