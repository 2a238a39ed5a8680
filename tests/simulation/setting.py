"""The setting of a simulated world: who is in it, what they order, and how it is built.

A seed draws one, and it can be written and read as JSON, so that a smaller one can be tried. What
goes wrong in it is the schedule's matter.
"""

import json
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from perdure import EngineSettings
from perdure.infrastructure.simulation.world import LOOK_SECONDS, Circumstances
from tests.programs import generator
from tests.programs.drivers import Seeded, without
from tests.properties.interpreter import Program

HOUR_SECONDS = 100.0  # a runner that waits for a lease looks once a second
PATIENCE_SECONDS = 100 * HOUR_SECONDS
LONG = 1_000  # times as long: seconds become minutes, and what waits for them leaves memory
COUNTS = (
    *(1,) * 22,
    *(2,) * 12,
    3,
    3,
    3,
    4,
    5,
    8,
)  # executions: most worlds are small, and quick
SCRIPT = 3  # where the script of an activity is
HELD = (False,) * 9 + (True,)
TIMED = ("sleep", "timeout", "wait_for", "shield")


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """An order of program `number`, and when: in seconds from the beginning, or from the order."""

    number: int
    after: float = 0.0
    cancel_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """See the module. `turns` is the seed of whose turn it is."""

    turns: int = 0
    runners: int = 1
    commit_seconds: float = 0.0
    lease_seconds: float = 15.0
    deaths_are_noticed: bool = True
    slots: int = 4_096
    max_in_flight: int = 512
    resident_limit: int = 10_000
    call_seconds: float = 0.0
    resume_seconds: float = 30.0
    aftermath_seconds: float = 60.0
    programs: tuple[Program, ...] = ()
    orders: tuple[Ordered, ...] = ()

    @property
    def circumstances(self) -> Circumstances:
        return Circumstances(
            runners=self.runners,
            commit_seconds=self.commit_seconds,
            lease_seconds=self.lease_seconds,
            deaths_are_noticed=self.deaths_are_noticed,
            resumptions_limit=200,
            resume_seconds=self.resume_seconds,
            aftermath_seconds=self.aftermath_seconds,
            patience_seconds=PATIENCE_SECONDS,
            hour_seconds=HOUR_SECONDS,
            settings=EngineSettings(
                max_in_flight=self.max_in_flight,
                resident_limit=self.resident_limit,
                activity_slots=self.slots,
                lease_seconds=self.lease_seconds,
                stop_seconds=0.0,
                scan_seconds=LOOK_SECONDS,
            ),
        )


def drawn(seed: int) -> Setting:
    """The setting of a seed: the same on every Python, for ever."""
    choices = Seeded(Random(seed))
    count = choices.among(COUNTS)
    programs = tuple(drawn_program(choices, few=count > 2) for _ in range(count))
    orders = [drawn_order(choices, number) for number in range(count)]
    orders += [
        drawn_order(choices, number)
        for number in range(count)
        if choices.among((False, False, False, False, True))
    ]
    return Setting(
        turns=seed,
        runners=choices.among((1, 2, 2, 2, 3, 5)),
        commit_seconds=choices.among((0.0, 0.004, 0.004, 0.01)),
        lease_seconds=choices.among((2.0, 15.0, 15.0, 50.0)),
        deaths_are_noticed=choices.among((True, True, False)),
        slots=choices.among((4_096, 4_096, 1)),
        max_in_flight=choices.among((512, 512, 1)),
        resident_limit=choices.among((10_000, 10_000, 1)),
        call_seconds=choices.among((0.0, 0.0, 0.003)),
        resume_seconds=choices.among((0.005, 0.1, 1.0, 30.0)),
        aftermath_seconds=choices.among((4.0, 4.0, 4.0, 60.0)),
        programs=programs,
        orders=tuple(orders),
    )


def drawn_program(choices: Seeded, *, few: bool) -> Program:
    limit = choices.among((1, 1, 2, 4) if few else (1, 1, 1, 2, 2, 2, 4, 4, 12))
    # asyncio's as_completed begins coroutines in the order of a set, tasks in their own
    program = held(choices) if choices.among(HELD) else generator.program(choices, limit)
    program = without(program, "completed_bare", "completed")
    return stretched(program, LONG) if choices.among((False, False, False, True)) else program


def held(choices: Seeded) -> Program:
    """One branch is suspended, and what ends beside it is held until somebody resumes it."""
    quick, slow = generator.do(choices), generator.do(choices)
    quick[SCRIPT], slow[SCRIPT] = choices.among(("", "l", "d")), "s"
    branches = [["seq", [each, generator.do(choices)]] for each in (quick, slow)]
    parked = ["seq", [["suspend", "somebody has to look"], generator.do(choices)]]
    return generator.numbered(["gather_all", [parked, *branches]])


def drawn_order(choices: Seeded, number: int) -> Ordered:
    return Ordered(
        number=number,
        after=choices.among((0.0, 0.0, 0.0, 0.005, 0.02, 1.0, 20.0)),
        cancel_after=choices.among((*(None,) * 7, 0.0, 0.005, 0.02, 5.0)),
    )


def stretched(program: Program, times: int) -> Program:
    """The same program, whose timers take so many times as long."""
    if not isinstance(program, list):
        return program
    if program and program[0] in TIMED:
        return [program[0], program[1] * times, *(stretched(each, times) for each in program[2:])]
    return [stretched(each, times) for each in program]


def written(setting: Setting) -> str:
    """As JSON, what is as usual left out."""
    usual = asdict(Setting())
    told: dict[str, Any] = {k: v for k, v in asdict(setting).items() if v != usual[k]}
    return json.dumps(told, separators=(",", ":"))


def read(text: str) -> Setting:
    """What `written` has written."""
    told = json.loads(text)
    orders = tuple(Ordered(**each) for each in told.pop("orders", ()))
    return replace(Setting(**told), programs=tuple(told.get("programs", ())), orders=orders)
