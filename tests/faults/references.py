"""Three reference workflows for exhaustive crashes, written as programs of the random tests."""

from tests.properties.interpreter import Program
from tests.properties.strategies import Day

STEPS = 5


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


REFERENCES: dict[str, tuple[Program, Day]] = {
    "success": (payment(), Day()),
    **{f"failure at {step}": (payment(step), Day()) for step in range(1, STEPS + 1)},
    "parallel with timeout": (parallel(), Day(commit_milliseconds=4)),
    "parallel, cancelled": (parallel(), Day(commit_milliseconds=4, cancel_after_milliseconds=14)),
}
