"""Fakes are found by object, by name or as methods of a world, and what does not fit is refused."""

from typing import Any

import pytest

from perdure import activity
from perdure.infrastructure.errors import BadFake, NoFake
from perdure.infrastructure.simulation.fakes import Fakes
from perdure.sagas.stage import Runnable
from tests.kit.cinema import (
    Booked,
    find_seat,
    free_seat,
    hold_seat,
    price_of,
    take_money,
)

FULL = {"visitor": "Ada", "film": "Metropolis", "cents": 900, "result": None}


class Cinema:
    """A world; what is not public is no fake."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.price_of = 12

    async def hold_seat(self, visitor: str) -> Booked:
        self.held.append(visitor)
        return Booked(seat=7)

    def take_money(self, cents: int, **rest: Any) -> str:
        return f"{cents} of {rest['visitor']}"


async def called(fakes: Fakes, runnable: Runnable) -> Any:
    stand_in = fakes.find(runnable)
    assert stand_in is not None
    names = runnable.function.__annotations__.keys() - {"return"}
    return await stand_in.function(**{name: FULL[name] for name in names})


async def test_a_fake_is_named_by_the_object_its_function_or_a_name_and_takes_what_it_likes() -> (
    None
):
    world = Cinema()
    fakes = Fakes(
        {
            hold_seat: world.hold_seat,
            find_seat: lambda: "asked",
            "take-money": world.take_money,
            "free_seat": lambda result, visitor, log=None: f"freed for {visitor}",
        }
    )
    assert hold_seat.probe is not None
    assert await called(fakes, hold_seat) == Booked(seat=7)
    assert await called(fakes, hold_seat.probe) == "asked"
    assert await called(fakes, take_money) == "900 of Ada"
    assert await called(fakes, free_seat) == "freed for Ada"
    assert fakes.find(price_of) is None
    assert world.held == ["Ada"]


async def test_methods_of_a_world_stand_in_and_without_one_nothing_real_is_called() -> None:
    fakes = Fakes({"take-money": lambda: "by hand"}, world=Cinema(), real=[price_of])
    assert await called(fakes, hold_seat) == Booked(seat=7)
    assert fakes.find(price_of) is None
    with pytest.raises(NoFake, match=r"write Cinema.free_seat.*real=\[free_seat\]"):
        fakes.find(free_seat)


def test_what_is_not_public_in_a_world_is_no_fake() -> None:
    @activity
    def _log(film: str) -> None: ...

    class Private:
        def _log(self) -> None: ...

    with pytest.raises(NoFake, match="'_log'"):
        Fakes(world=Private()).find(_log)


def test_a_near_miss_of_a_name_is_told() -> None:
    class Misspelt:
        def fre_seat(self) -> None: ...

    with pytest.raises(NoFake, match="is 'fre_seat' meant"):
        Fakes(world=Misspelt()).find(free_seat)


@pytest.mark.parametrize(
    ("fakes", "told"),
    [
        (lambda: Fakes({take_money: print, "take_money": print}), "given 2 times"),
        (lambda: Fakes({hold_seat: print}, world=Cinema()), "given 2 times: .*Cinema.hold_seat"),
        (lambda: Fakes({hold_seat: print}, real=["hold_seat"]), "given 2 times: .*real="),
        (lambda: Fakes({hold_seat: lambda cents: 1}), "asks for 'cents'.* visitor, film"),
        (lambda: Fakes({hold_seat: lambda film, /: 1}), "asks for 'film'.* by name"),
        (lambda: Fakes({hold_seat: type}), "parameters of .* cannot be read"),
    ],
)
def test_a_fake_that_does_not_fit_is_refused_when_it_would_be_called(fakes: Any, told: str) -> None:
    given = fakes()
    with pytest.raises(BadFake, match=told):
        [given.find(runnable) for runnable in (hold_seat, take_money)]


@pytest.mark.parametrize(
    ("fakes", "told"),
    [
        (lambda: Fakes(world=Cinema), "is a class"),
        (lambda: Fakes({hold_seat: 7}), "cannot be"),
        (lambda: Fakes({7: print}), "7 is no activity"),
    ],
)
def test_what_can_be_no_fake_is_refused_at_once(fakes: Any, told: str) -> None:
    with pytest.raises(BadFake, match=told):
        fakes()


def test_a_name_that_several_have_is_refused() -> None:
    @activity(name="hold_seat")
    def another(film: str) -> None: ...

    fakes = Fakes({"hold_seat": print})
    fakes.find(hold_seat)
    with pytest.raises(BadFake, match=r"names activity 'hold_seat' .* by object"):
        fakes.find(another)


def test_a_name_that_nobody_has_is_told_at_the_end_and_one_that_was_not_called_is_not() -> None:
    Fakes({"free_seat": print, free_seat: print}).check_names()
    with pytest.raises(BadFake, match=r"'take_mony'.* \(is 'take_money' meant\?\)"):
        Fakes({"take_mony": print}).check_names()
