"""given / when / then: what reads as a sentence holds, and what does not hold is told in words."""

from decimal import Decimal

import pytest

from perdure.testing import (
    History,
    abandons,
    activity_failed,
    activity_gave_up,
    activity_succeeded,
    asks_for,
    asks_nothing,
    cancelled,
    ends_cancelled,
    ends_with,
    fails_exhausted,
    fails_with,
    given,
    passed_version,
    raises,
    resumed,
    sets_timer,
    suspends,
    timer_fired,
    undoes,
)
from tests.gate import shop
from tests.scenarios.trip import (
    NoRoom,
    NoSeat,
    Trip,
    book_flight,
    book_room,
    book_trip,
    leave_home,
    send_note,
)

pytestmark = pytest.mark.every_python

ROOM = activity_succeeded(book_room, Decimal("10.5"))


def trip(way: str = "plain", *cities: str) -> Trip:
    return Trip(trip_id="t-1", way=way, cities=list(cities))


def test_a_whole_way_reads_as_sentences() -> None:
    (
        given(book_trip, trip())
        .then(asks_for(book_room, "t-1", hotel="Ritz"))
        .when(ROOM)
        .then(asks_for(book_flight, "t-1"))
        .when(activity_succeeded(book_flight, "seat 1"))
        .then(ends_with(Decimal("21.0")), undoes())
    )


def test_a_failure_ends_it_and_tells_what_is_undone() -> None:
    # behaviour 21
    full = activity_failed(book_flight, NoSeat(flight="7"))
    given(book_trip, trip(), ROOM).when(full).then(
        fails_with(NoSeat(flight="7")), undoes(book_room)
    )
    nothing = activity_failed(book_room, NoRoom(hotel="Ritz"))
    given(book_trip, trip()).when(nothing).then(fails_with(NoRoom(hotel="Ritz")), undoes())


def test_exhausted_retries_leave_the_outcome_unknown_so_it_is_undone() -> None:
    given(book_trip, trip()).when(activity_gave_up(book_room, "no answer")).then(
        fails_exhausted(), undoes(book_room)
    )


def test_a_timeout_abandons_the_activity() -> None:
    slow = given(book_trip, trip("timeout"), ROOM)
    slow.then(asks_for(book_flight, "t-1"), sets_timer(5))
    slow.when(timer_fired()).then(abandons(book_flight), asks_for(send_note, "too slow"))


def test_time_is_that_of_the_timers() -> None:
    given(book_trip, trip("wait"), ROOM).then(sets_timer(0.0301)).when(timer_fired()).then(
        asks_for(send_note, "00:00:00.031000")  # rounded up to a millisecond, as always
    )


def test_what_ends_while_it_is_suspended_is_heard_after_it_is_resumed() -> None:
    both = given(book_trip, trip("both"), ROOM)
    both.then(asks_for(book_flight, "t-1"), suspends("a boss"))
    flown = both.when(activity_succeeded(book_flight, "seat 3")).then(asks_nothing())
    flown.when(resumed()).then(asks_for(send_note, "seat 3"))


def test_a_timer_that_fires_while_it_is_suspended_may_come_too_late() -> None:
    waiting = given(book_trip, trip("in time"), ROOM)
    waiting.then(asks_for(book_flight, "t-1"), sets_timer(5), suspends("a boss"))
    late = waiting.when(activity_succeeded(book_flight, "seat 4")).when(timer_fired())
    late.then(asks_nothing()).when(resumed()).then(asks_for(send_note, "seat 4"))


def test_the_timer_that_is_due_first_fires_first() -> None:
    two = given(book_trip, trip("timers"), ROOM).then(sets_timer(2), sets_timer(1))
    one = two.when(timer_fired()).then(asks_for(send_note, "after 1 s"))
    one.when(timer_fired()).then(asks_for(send_note, "after 2 s"))


def test_a_suspension_ends_by_its_resumption() -> None:
    given(book_trip, trip("approve"), ROOM).then(suspends()).when(resumed()).then(
        asks_for(send_note, "approved")
    )


def test_a_version_that_was_passed_holds() -> None:
    # behaviour 88
    given(book_trip, trip("approve"), passed_version("notes", 1), ROOM).then(
        suspends("a boss has to approve")
    ).when(resumed()).then(ends_with(Decimal("21.0")))


def test_of_calls_at_once_each_can_be_answered() -> None:
    three = given(book_trip, trip("many", "Rome", "Oslo"), ROOM)
    three.then(asks_for(book_flight, "t-1", "Oslo"), asks_for(book_flight, "t-1", "Rome"))
    oslo = activity_succeeded(book_flight, "seat").called_with("t-1", city="Oslo")
    three.when(oslo).then(asks_for(send_note, "Oslo"))
    three.when(activity_succeeded(book_flight, "seat")).then(asks_for(send_note, "Rome"))
    three.when(oslo).when(activity_succeeded(send_note, None)).then(asks_nothing())


def test_a_cancel_ends_it_and_undoes_what_was_done() -> None:
    # behaviour 25
    given(book_trip, trip(), ROOM).when(cancelled("enough")).then(
        abandons(book_flight), ends_cancelled(), undoes(book_room)
    )


def test_a_defect_is_told_as_one_also_after_a_pivot() -> None:
    given(book_trip, trip("defect")).when(ROOM).then(raises(KeyError, "'lost'"))
    past = given(book_trip, trip("pivot"), ROOM)
    past.when(activity_succeeded(leave_home, None)).then(raises(NoSeat))


def told(expectation: "pytest.ExceptionInfo[AssertionError]") -> str:
    return str(expectation.value)


def test_what_is_not_as_expected_is_told_in_words_with_its_line() -> None:
    with pytest.raises(AssertionError) as failed:
        given(book_trip, trip()).when(ROOM).then(
            asks_for(book_flight, "t-2"), ends_with(Decimal(0)), sets_timer(1)
        )
    lines = told(failed).splitlines()
    assert lines[0] == (
        "after activity_succeeded(book_room, Decimal('10.5')) the body of book_trip does not do "
        "what is expected"
    )
    assert lines[1:4] == [
        "  missing:  it asks for book_flight(trip_id='t-2', city='Rome')",
        "  missing:  it ends with Decimal('0')",
        "  missing:  it sets a timer of 1 s",
    ]
    assert lines[4].startswith("  instead:  it asks for book_flight(trip_id='t-1', city='Rome')  (")
    assert "trip.py:" in lines[4]


def test_more_than_is_expected_fails_too() -> None:
    with pytest.raises(AssertionError, match=r"instead:  it sets a timer of 5 s") as failed:
        given(book_trip, trip("timeout"), ROOM).then(asks_for(book_flight, "t-1"))
    assert "as said:  it asks for book_flight(" in told(failed)
    with pytest.raises(AssertionError, match="say what the body does then"):
        given(book_trip, trip()).then()


def test_what_would_be_undone_is_compared_with_its_order() -> None:
    full = activity_failed(book_flight, NoSeat(flight="7"))
    with pytest.raises(AssertionError, match="instead:  it undoes book_room"):
        given(book_trip, trip(), ROOM).when(full).then(fails_with(NoSeat(flight="7")), undoes())


def test_what_cannot_happen_fails() -> None:
    start = given(book_trip, trip())
    nothing = asks_nothing()
    waits = r"it waits for book_room\(trip_id='t-1', hotel='Ritz'\)"
    with pytest.raises(AssertionError, match=rf"does not wait for send_note; {waits}"):
        start.when(activity_succeeded(send_note, None)).then(nothing)
    with pytest.raises(AssertionError, match=rf"no timer; {waits}"):
        start.when(timer_fired()).then(nothing)
    with pytest.raises(AssertionError, match="is not suspended"):
        start.when(resumed()).then(nothing)
    with pytest.raises(AssertionError, match=r"cancelled\('now'\) cannot happen: the body has end"):
        given(book_trip, trip("defect"), ROOM).when(cancelled("now")).then(nothing)
    with pytest.raises(AssertionError, match="book_room declares NoRoom; add it to raises"):
        activity_failed(book_room, NoSeat(flight="7"))
    other = activity_succeeded(book_room, Decimal(1)).called_with("t-2", "Ritz")
    with pytest.raises(AssertionError, match=r"called with book_room\(trip_id='t-2'"):
        start.when(other).then(nothing)


async def test_it_reads_alike_within_an_async_test() -> None:
    given(book_trip, trip()).when(ROOM).then(asks_for(book_flight, "t-1"))


def test_a_recorded_history_goes_on(recorded: tuple[History, History]) -> None:
    # behaviour 4
    stored = given(shop.fulfil, history=recorded[0])
    stored.when(resumed()).then(asks_for(shop.send, "parcel of o-1"))
    stored.when(resumed()).when(activity_succeeded(shop.send, None)).then(
        ends_with("parcel of o-1")
    )
    with pytest.raises(AssertionError, match="fulfil@o-1 diverges at request 2"):
        given(shop.with_a_call_more, history=recorded[0]).then(asks_nothing())
    with pytest.raises(ValueError, match="tells which versions it passed"):
        given(shop.fulfil, passed_version("notes", 1), history=recorded[0])


def test_a_body_whose_answer_is_late_is_told_by_its_history(
    recorded: tuple[History, History],
) -> None:
    left = History("fulfil@o-1", recorded[0].events[:4])
    given(shop.fulfil, history=left).when(activity_succeeded(shop.pack, "a parcel")).then(
        sets_timer(0.001)
    )
