"""Hypothesis strategies: programs, and the day that they are run on."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.properties.interpreter import ACTIVITIES, Program

NAMES = st.sampled_from(list(ACTIVITIES))
SCRIPTS = st.sampled_from(["", "", "", "s", "t", "d", "l", "f", "dl", "ld", "df", "lf", "tl"])
UNDOS = st.sampled_from(["", "", "", "d", "l", "ld"])
MILLISECONDS = st.sampled_from([0, 5, 10, 20, 30, 40])


@dataclass(frozen=True)
class Day:
    """How long a commit takes, how many attempts run at once, and when somebody cancels."""

    commit_milliseconds: int = 0
    slots: int = 4_096
    cancel_after_milliseconds: int | None = None


days = st.builds(
    Day,
    commit_milliseconds=st.sampled_from([0, 0, 4, 10]),
    slots=st.sampled_from([4_096, 4_096, 4_096, 1]),
    cancel_after_milliseconds=st.sampled_from([None, None, None, None, 0, 5, 14, 40]),
)


def _composed(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.just("seq"), some),
        st.tuples(st.just("seq"), some),
        st.tuples(st.just("gather"), some),
        st.tuples(st.just("group"), some),
        st.tuples(st.sampled_from(["timeout", "wait_for"]), MILLISECONDS, parts, parts),
        st.tuples(st.just("catch"), parts, parts),
        st.tuples(st.just("finally"), parts, parts),
        st.tuples(st.just("version"), st.integers(1, 2), parts),
    )


_leaves = st.one_of(
    st.tuples(st.just("do"), st.just(0), NAMES, SCRIPTS, UNDOS),
    st.tuples(st.just("do"), st.just(0), NAMES, SCRIPTS, UNDOS),
    st.tuples(st.just("do"), st.just(0), NAMES, SCRIPTS, UNDOS),
    st.tuples(st.just("sleep"), MILLISECONDS),
    st.tuples(st.just("fail")),
)


def numbered(program: Program, sites: "count[int] | None" = None) -> Program:
    """The same program with its activities numbered, as lists and tuples that JSON keeps."""
    sites = sites or count(1)
    if isinstance(program, tuple) and program[0] == "do":
        return ["do", next(sites), *program[2:]]
    if isinstance(program, tuple | list):
        return [numbered(part, sites) for part in program]
    return program


programs = st.recursive(_leaves, _composed, max_leaves=9).map(numbered)
