"""What simulated worlds have found, each as the smallest one that showed it."""

import asyncio

import pytest

from perdure import EngineSettings, WorkflowEngine, activity, workflow
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.simulation import schedule
from perdure.infrastructure.simulation.clock import SeededChance, SimulatedClock
from perdure.infrastructure.simulation.schedule import Listed
from perdure.sagas.stage import Stage
from perdure.sagas.threads import Begun, Done, Work
from tests.simulation.playing import play
from tests.simulation.rolled import Rolled
from tests.simulation.setting import Ordered, Setting, drawn

pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")
BOOK = ["do", 1, "book", "", ""]
LOOK = ["do", 1, "look", "", ""]


def check(setting: Setting, faults: str) -> None:
    playing = play(setting, Listed(schedule.read(faults)))
    assert playing.problem is None, playing.problem


def test_an_order_that_stays_open_as_the_wait_for_mail_ends_does_not_break_the_engine() -> None:
    # The wait was put off in the moment in which it ended, and asyncio refuses that.
    setting = Setting(
        turns=822,
        runners=2,
        max_in_flight=1,
        resume_seconds=1.0,
        programs=(["do", 1, "book_or_park", "", ""], BOOK, LOOK),
        orders=(
            Ordered(number=0, after=20.0),
            Ordered(number=1, cancel_after=0.02),
            Ordered(number=2, after=0.005),
            Ordered(number=0),
            Ordered(number=1),
        ),
    )
    check(
        setting,
        "read 4: slow; append 2: unavailable; append 3: cancel; read 10: slow; "
        "append 7: crash within, not stored; append 9: frozen; append 10: frozen; "
        "append 16: frozen; append 18: frozen; append 19: frozen",
    )


def test_what_is_read_while_the_lease_is_lost_and_taken_again_is_looked_for_once_more() -> None:
    # behaviour 22; it was found, let go of at once, and never looked for again
    setting = Setting(programs=(BOOK,), orders=(Ordered(number=0),))
    check(
        setting,
        "read 4: slow; append 1: crash within, stored; append 2: frozen; read 9: slow; "
        "read 11: slow; read 13: slow",
    )


def test_the_due_of_an_append_whose_answer_was_lost_is_waited_for() -> None:
    # It was left to the next scan: a timer fired half a minute late.
    setting = Setting(
        programs=(["suspend", "somebody has to look"], ["sleep", 40_000]),
        orders=(Ordered(number=0), Ordered(number=1, after=0.005, cancel_after=0.0)),
    )
    check(setting, "append 2: unsure")


def test_a_start_beyond_the_limit_whose_answer_was_lost_gets_its_room() -> None:
    # It was left to the next scan too.
    setting = Setting(
        max_in_flight=1,
        programs=(["do", 1, "book", "s", ""], ["fail"]),
        orders=(Ordered(number=0), Ordered(number=1, after=0.005)),
    )
    check(setting, "append 2: unsure")


def test_one_that_does_not_know_of_its_lost_lease_does_not_read_again_and_again() -> None:
    # What somebody else had appended was read without a pause, for as long as nobody told.
    setting = Setting(
        turns=30,
        runners=3,
        commit_seconds=0.01,
        programs=(
            ["fail"],
            ["do", 1, "book_quickly", "sp", ""],
            ["do", 1, "book_quickly", "t", ""],
            ["do", 1, "book_in_thread", "", ""],
        ),
        orders=(
            Ordered(number=0, after=0.02),
            Ordered(number=1, cancel_after=0.005),
            Ordered(number=2, cancel_after=0.005),
            Ordered(number=3),
            Ordered(number=2, after=20.0),
            Ordered(number=3, after=0.005),
        ),
    )
    check(
        setting,
        "post 3: unsure; append 1: slow; call 1: crash before; read 17: slow; "
        "append 6: lease lost; read 23: unavailable; append 8: lease lost",
    )


class Crowd:
    """Threads that are all taken. Implements perdure.sagas.stage.Pool."""

    def __init__(self) -> None:
        self.waiting: list[Work] = []
        self.asked = asyncio.Event()

    def run(self, work: Work, done: Done, begun: Begun | None = None) -> None:
        self.waiting.append(work)
        self.asked.set()

    def close(self) -> None:
        pass


async def test_an_attempt_that_waits_for_a_thread_never_begins_once_its_execution_left() -> None:
    # behaviour 2; somebody else may have tried it again since
    called: list[str] = []

    @activity
    def charge(order: str) -> None:
        called.append(order)

    @workflow(key=str)
    async def pay(order: str) -> None:
        await charge(order)

    crowd, now = Crowd(), 0
    engine = WorkflowEngine(
        MemoryJournal(),
        [pay],
        settings=EngineSettings(stop_seconds=0.0),
        clock=SimulatedClock(lambda: now),
        randomness=SeededChance(),
        stage=Stage(pool=lambda limit, loop: crowd),
    )
    await engine.open()
    await engine.start(pay, "7")
    await crowd.asked.wait()
    await engine.close()
    with pytest.raises(Exception, match="was not begun"):
        crowd.waiting[0]()
    assert not called


@pytest.mark.parametrize("seed", [210_311, 220_315, 268_001])
def test_a_lease_that_was_over_for_its_holder_is_told_as_lost(seed: int) -> None:
    # Renewed late it was held again, without a word; what was not begun meanwhile never was.
    assert play(drawn(seed), Rolled(seed)).problem is None
