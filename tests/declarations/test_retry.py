"""Retry arithmetic: bounds, limits, and what a policy refuses to be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.domain.retry import LONGEST_DELAY_SECONDS, Retry

pytestmark = pytest.mark.every_python

seconds = st.floats(0, 1e6, allow_nan=False)
fractions = st.floats(0, 1, exclude_max=True, allow_nan=False)
attempts = st.integers(1, 100_000)
policies = st.builds(
    lambda first, more, factor, jitter: Retry.exponential(
        first, first + more, factor=factor, jitter=jitter
    ),
    seconds,
    seconds,
    st.floats(1, 100),
    st.floats(0, 1),
)


# behaviour 14
@given(policies, attempts, fractions, seconds)
def test_the_delay_lies_between_the_jittered_and_the_full_back_off(
    policy: Retry, attempt: int, fraction: float, elapsed: float
) -> None:
    try:
        back_off = min(
            policy.maximum_seconds, policy.first_seconds * policy.factor ** (attempt - 1)
        )
    except OverflowError:
        back_off = policy.maximum_seconds if policy.first_seconds else 0.0
    delay = policy.next_delay(attempt, elapsed, fraction)
    assert delay is not None
    assert back_off * (1 - policy.jitter) <= delay <= back_off or math.isclose(
        delay, back_off * (1 - policy.jitter)
    )
    assert 0 <= delay <= policy.maximum_seconds


# behaviour 14
@given(policies, attempts)
def test_without_jitter_delays_never_shrink(policy: Retry, attempt: int) -> None:
    delay, next_one = policy.next_delay(attempt, 0, 0), policy.next_delay(attempt + 1, 0, 0)
    assert delay is not None
    assert next_one is not None
    assert delay <= next_one


# behaviour 15
@given(policies, st.integers(1, 1000), fractions)
def test_no_delay_follows_the_last_attempt(policy: Retry, limit: int, fraction: float) -> None:
    bounded = Retry(policy.first_seconds, policy.maximum_seconds, attempts=limit)
    assert bounded.next_delay(limit, 0, fraction) is None
    assert bounded.next_delay(limit + 1, 0, fraction, retry_after=1) is None
    assert limit == 1 or bounded.next_delay(limit - 1, 0, fraction) is not None


# behaviour 14
@given(policies, attempts, seconds, seconds, st.none() | seconds)
def test_no_attempt_begins_after_the_time_that_the_policy_gives(
    policy: Retry, attempt: int, elapsed: float, within: float, retry_after: float | None
) -> None:
    bounded = Retry(policy.first_seconds, policy.maximum_seconds, within_seconds=within)
    free = Retry(policy.first_seconds, policy.maximum_seconds)
    delay = bounded.next_delay(attempt, elapsed, 0.5, retry_after)
    asked = free.next_delay(attempt, elapsed, 0.5, retry_after)
    assert asked is not None
    assert delay == (asked if elapsed + asked <= within else None)


# behaviour 16
@given(policies, attempts, fractions, st.floats(-1e9, 1e6))
def test_what_the_other_side_asks_for_replaces_the_back_off(
    policy: Retry, attempt: int, fraction: float, retry_after: float
) -> None:
    assert policy.next_delay(attempt, 0, fraction, retry_after) == max(0.0, retry_after)


@pytest.mark.parametrize("retry_after", [math.nan, math.inf, -math.inf])
def test_what_is_no_time_does_not_replace_the_back_off(retry_after: float) -> None:
    assert Retry.fixed(3).next_delay(1, 0, 0.5, retry_after) == 3


def test_a_time_far_beyond_reason_is_cut() -> None:
    assert Retry().next_delay(1, 0, 0, retry_after=1e300) == LONGEST_DELAY_SECONDS


# behaviour 14
def test_the_default_goes_on_for_ever_from_one_second_to_sixty() -> None:
    policy = Retry()
    assert policy == Retry.exponential()
    assert [policy.next_delay(attempt, 1e9, 0) for attempt in (1, 2, 3, 7, 10**9)] == [
        *(1, 2, 4, 60, 60)
    ]
    assert policy.next_delay(1, 0, 0.999) == pytest.approx(0.9, abs=1e-3)


def test_a_fixed_delay_has_no_jitter() -> None:
    assert {Retry.fixed(5).next_delay(n, 0, n / 10) for n in range(1, 9)} == {5}


@pytest.mark.parametrize("attempt", [1, 2, 1_024, 1_025, 1_026, 100_000])
def test_what_is_tried_again_at_once_always_is(attempt: int) -> None:
    assert Retry(first_seconds=0.0).next_delay(attempt, 0.0, 0.0) == 0.0


def test_never_means_one_attempt() -> None:
    assert Retry.never().next_delay(1, 0, 0) is None


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"first": -1}, "first=-1 must be between 0 and"),
        ({"first": math.nan}, "first=nan must be between"),
        ({"first": math.inf}, "first=inf must be between"),
        ({"first": "1"}, "first='1' must be a number"),
        ({"first": True}, "first=True must be a number"),
        ({"first": 9, "maximum": 3}, "maximum=3 is less than first=9"),
        ({"maximum": 1e12}, "maximum=1000000000000.0 must be between"),
        ({"factor": 0.5}, "factor=0.5 must be between 1 and"),
        ({"jitter": 1.5}, "jitter=1.5 must be between 0 and 1"),
        ({"attempts": 0}, "attempts=0 must be a whole number from 1 on"),
        ({"attempts": 2.0}, "attempts=2.0 must be a whole number"),
        ({"attempts": True}, "attempts=True must be a whole number"),
        ({"within": -1}, "within=-1 must be from 0 on"),
        ({"within": math.nan}, "within=nan must be from 0 on"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(keywords: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=f"Retry: {told}"):
        Retry.exponential(**keywords)
