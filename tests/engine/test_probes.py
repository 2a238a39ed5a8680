"""Probes: what became of an attempt whose answer is not known is asked, not guessed."""

import asyncio

import pytest
from pydantic import BaseModel

from perdure import (
    DeclarationError,
    Done,
    Failure,
    NotDone,
    RetriesExhausted,
    Retry,
    Unknown,
    activity,
    current_activity,
    verify,
    workflow,
)
from perdure.domain.states import Compensated
from perdure.sagas.probe import Answer
from tests.engine.places import Place, kinds
from tests.engine.shop import SOON, crashed_at, world

pytestmark = pytest.mark.every_python


class Paid(BaseModel):
    reference: str


class Refused(Failure):
    """The body gives up."""


answers: list[Answer] = []
asked: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    answers.clear()
    asked.clear()


async def find_payment(account: str) -> Done[Paid] | NotDone | Unknown:
    asked.append(current_activity().idempotency_key)
    answer = answers.pop(0)
    if isinstance(answer, Unknown) and account == "unreachable":
        raise ConnectionError("the bank does not answer")
    return answer


@activity(retry=SOON, timeout=0.05, on_unknown=verify(find_payment, retry=SOON))
async def pay(account: str, amount: int) -> Paid:
    await world.serve("pay", account, amount)
    return Paid(reference="the answer itself")


@pay.compensate(retry=SOON)
async def pay_back(result: Paid, account: str) -> None:
    await world.serve("pay back", result.reference, account)


@workflow(key=str, raises=[Refused])
async def buy(account: str) -> str:
    paid = await pay(account, 3)
    if account == "refused":
        raise Refused
    return paid.reference


@workflow(key=str, raises=[Refused])
async def hurry(account: str) -> None:
    try:
        await asyncio.wait_for(pay(account, 3), 0.02)
    except TimeoutError:
        raise Refused from None


FOUND = Done(Paid(reference="found"))


async def test_what_is_done_after_a_timeout_is_not_tried_again(place: Place) -> None:
    # behaviour 27
    world.hold("pay")
    answers.append(FOUND)
    async with place.engine(buy) as engine:
        assert await engine.execute(buy, "a", timeout=10) == "found"
    [call] = world.of("pay")
    assert asked == [call.key]


async def test_what_is_done_after_a_crash_is_not_tried_again(place: Place) -> None:
    # behaviour 27
    left = await crashed_at("pay", place, buy, "a")
    answers.append(FOUND)
    async with left.engine(buy) as engine:
        handle = engine.handle("buy@a")
        assert await handle.result(timeout=10) == "found"
        assert (await kinds(handle))[2:] == [
            "AttemptFailed",
            "ActivitySucceeded",
            "ExecutionSucceeded",
        ]
    assert len(world.of("pay")) == 1


async def test_what_is_not_done_is_tried_again_with_the_same_key(place: Place) -> None:
    gate = world.hold("pay")
    answers.append(NotDone())
    async with place.engine(buy) as engine:
        handle = await engine.start(buy, "a")
        await gate.entered()
        world.release("pay")
        assert await handle.result(timeout=10) == "the answer itself"
    assert [call.attempt for call in world.of("pay")] == [1, 2]
    assert len({*asked, *(call.key for call in world.of("pay"))}) == 1


@pytest.mark.parametrize("account", ["a", "unreachable"])
async def test_a_probe_that_cannot_tell_is_asked_again_also_after_a_crash(
    place: Place, account: str
) -> None:
    left = await crashed_at("pay", place, buy, account)
    answers.extend([Unknown(), Unknown(), FOUND])
    async with left.engine(buy) as engine:
        handle = engine.handle(f"buy@{account}")
        assert await handle.result(timeout=10) == "found"
        assert (await kinds(handle)).count("ActivityVerified") == 2
    assert len(asked) == 3


async def test_a_lost_race_is_settled_by_the_probe_before_anything_is_undone(
    place: Place,
) -> None:
    # behaviours 17, 27
    world.hold("pay")
    answers.extend([Unknown(), FOUND])
    async with place.engine(hurry) as engine:
        handle = await engine.start(hurry, "a")
        with pytest.raises(Refused):
            await handle.result(timeout=10)
        assert await handle.status() == Compensated("Refused: Refused", ("pay",))
    assert [call.given for call in world.of("pay back")] == [("found", "a")]


async def test_a_lost_race_that_was_not_done_has_nothing_to_undo(place: Place) -> None:
    # behaviours 17, 27
    world.hold("pay")
    answers.append(NotDone())
    async with place.engine(hurry) as engine:
        with pytest.raises(Refused):
            await engine.execute(hurry, "a", timeout=10)
    assert world.steps == ["pay"]


@activity(retry=Retry.never(), on_unknown=verify(find_payment, retry=SOON))
async def pay_once(account: str) -> Paid:
    await world.serve("pay", account)
    return Paid(reference="the answer itself")


@workflow(key=str)
async def buy_once(account: str) -> str:
    return (await pay_once(account)).reference


async def test_before_it_is_given_up_the_probe_is_asked(place: Place) -> None:
    # behaviour 27
    world.fail("pay", ConnectionError("the answer is lost"))
    answers.append(FOUND)
    async with place.engine(buy_once) as engine:
        assert await engine.execute(buy_once, "a", timeout=10) == "found"


async def test_what_was_given_up_and_is_not_done_exhausts_its_retries(place: Place) -> None:
    world.fail("pay", ConnectionError("the answer is lost"))
    answers.append(NotDone())
    async with place.engine(buy_once) as engine:
        with pytest.raises(RetriesExhausted):
            await engine.execute(buy_once, "a", timeout=10)


@activity(retry=Retry.never(), on_unknown=verify(find_payment, retry=Retry.never()))
async def pay_blindly(account: str) -> Paid:
    await world.serve("pay", account)
    return Paid(reference="the answer itself")


@pay_blindly.compensate(retry=SOON)
async def pay_back_blindly(result: Paid | None) -> None:
    await world.serve("pay back", result)


@workflow(key=str)
async def buy_blindly(account: str) -> str:
    return (await pay_blindly(account)).reference


async def test_what_stays_unknown_is_undone_without_a_result(place: Place) -> None:
    # behaviour 27
    world.fail("pay", ConnectionError("the answer is lost"))
    answers.append(Unknown())
    async with place.engine(buy_blindly) as engine:
        with pytest.raises(RetriesExhausted):
            await engine.execute(buy_blindly, "a", timeout=10)
    assert [call.given for call in world.of("pay back")] == [(None,)]


def test_a_probe_is_checked_at_its_declaration() -> None:
    # behaviour 1
    async def other_parameter(acount: str) -> Done[Paid] | NotDone: ...

    async def other_type(account: int) -> Done[Paid] | NotDone: ...

    async def other_result(account: str) -> Done[str] | Unknown: ...

    async def no_answer(account: str) -> Paid | None: ...

    for probe, told in (
        (other_parameter, "parameter 'acount' is none of activity 'once'"),
        (other_type, "parameter 'account' is int, but str"),
        (other_result, r"returns Done\[str\], but the activity Paid"),
        (no_answer, r"annotate it -> Done\[Paid\] \| NotDone \| Unknown"),
    ):
        with pytest.raises(DeclarationError, match=told):

            @activity(on_unknown=verify(probe))  # type: ignore[arg-type]
            async def once(account: str) -> Paid: ...


def test_a_compensation_must_take_none_unless_a_probe_always_finds_out() -> None:
    # behaviour 1
    @activity(on_unknown=verify(find_payment, retry=Retry.never()))
    async def gives_up(account: str) -> Paid: ...

    with pytest.raises(DeclarationError, match="cannot be None"):

        @gives_up.compensate
        async def undo(result: Paid) -> None: ...
