"""Twelve reference workflows for exhaustive crashes, written as programs of the random tests.

Between them they use what a body can do. `test_every_append` crashes each at every append.
"""

from tests.properties.interpreter import Program
from tests.properties.strategies import Day

STEPS = 5


def do(site: int, name: str = "book", script: str = "", undo: str = "") -> Program:
    return ["do", site, name, script, undo]


def seq(*parts: Program) -> Program:
    return ["seq", list(parts)]


def payment(fails_at: int | None = None) -> Program:
    """Five steps one after another; one of them may be refused."""
    scripts = ["f" if step == fails_at else "" for step in range(1, STEPS + 1)]
    names = ["look", "book", "book", "book", "look"]
    steps = zip(range(1, STEPS + 1), names, scripts, strict=True)
    return ["seq", [["do", site, name, script, "l"] for site, name, script in steps]]


def parallel() -> Program:
    """Branches at once, of which one is too slow; what comes after fails or not by its script."""
    branches = [["do", site, "book", "l" * (site == 2), ""] for site in (1, 2, 3)]
    slow = ["timeout", 20, ["do", 4, "book", "t", "d"], ["do", 5, "look", "", ""]]
    return ["seq", [["group", [*branches, slow]], ["do", 6, "book", "", ""]]]


def race() -> Program:
    """The first of three wins; the others are cancelled, begun or not."""
    late = seq(["sleep", 5], do(4))
    return seq(do(1), ["race", [do(2, script="s"), do(3, "look"), late]], do(5))


def refused_after(*steps: Program) -> Program:
    """What was done before is to be undone."""
    return seq(*steps, do(9, "look", "f"))


def parked() -> Program:
    """By the body, by an activity, and by a compensation that is stuck."""
    asked = ["suspend", "somebody has to look"]
    return refused_after(do(1, undo="f"), asked, do(2, "book_or_park", "p"))


def timers() -> Program:
    """One after another, side by side, as limits, and one that is over before it is due."""
    limited = ["wait_for", 10, do(2, script="s"), do(3, "look")]
    side_by_side = ["gather", [["sleep", 20], seq(["sleep", 5], do(1)), limited]]
    return seq(["sleep", 10], side_by_side, ["shield", 10, do(4, script="s"), do(5, "look")])


def exhausted() -> Program:
    """Twice at most: given up, caught once and not the second time."""
    first = ["catch", do(2, "book_twice_at_most", "ld"), do(3, "look")]
    return seq(do(1, script="dl"), first, do(4, "book_twice_at_most", "dd", "l"))


def abandoned() -> Program:
    """Nobody waits for what is still under way: it is settled before the end."""
    careless = ["race_carelessly", [do(1, script="t", undo="l"), do(2, "look")]]
    hurried = ["timeout", 10, do(3, "book_quickly", "t"), do(4, "look")]
    return seq(careless, hurried, do(5))


def threads() -> Program:
    """Sync activities, one slow and one over its time."""
    slow, over = do(1, "book_in_thread", "sl", "d"), do(2, "book_quickly_in_thread", "t", "d")
    return seq(["gather", [slow, over]], do(3, "book_in_thread"))


def guarded() -> Program:
    """Version guards, alone, in a loop and around what fails."""
    loop = ["version_loop", 2, [do(2), do(3, "look")]]
    return seq(["version", 1, do(1)], loop, ["catch", ["version", 3, do(4, script="f")], do(5)])


def mended() -> Program:
    """A defect of the body, mended by the next deploy; a stream that is left, a last word."""
    stream = ["stream", [do(2), do(3, "look")], do(4)]
    return seq(do(1), ["finally", stream, do(5, "look")], ["defect"], do(6))


SLOW = Day(commit_milliseconds=4)

REFERENCES: dict[str, tuple[Program, Day]] = {
    "saga": (payment(), Day()),
    **{f"saga, failure at {step}": (payment(step), Day()) for step in range(1, STEPS + 1)},
    "parallel with timeout": (parallel(), SLOW),
    "parallel, cancelled": (parallel(), Day(commit_milliseconds=4, cancel_after_milliseconds=14)),
    "race": (race(), SLOW),
    "cancelled in rollback": (
        refused_after(do(1, undo="dd"), do(2, undo="l")),
        Day(commit_milliseconds=4, cancel_after_milliseconds=30),
    ),
    "suspended and resumed": (parked(), Day(resume_after_milliseconds=5)),
    "timers": (timers(), SLOW),
    "retries exhausted": (exhausted(), Day()),
    "abandoned and settled": (abandoned(), SLOW),
    "sync activities in threads": (threads(), SLOW),
    "version guards": (guarded(), Day()),
    "defect, mended": (mended(), Day()),
}
