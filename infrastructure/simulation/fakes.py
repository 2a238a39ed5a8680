"""Fakes: what a test calls instead of activities, compensations and probes.

They come from a mapping, by object or by name, or are the methods of a world. Nothing is guessed:
what does not fit exactly one thing is refused, and where there is a world nothing real is called by
mistake. Who performs them is perdure.sagas.stage's matter.
"""

import asyncio
import gc
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from perdure.infrastructure.errors import BadFake, NoFake
from perdure.sagas.activity import Activity
from perdure.sagas.compensation import Compensation
from perdure.sagas.probe import Probe
from perdure.sagas.stage import Runnable, StandIn

Named: TypeAlias = Activity[..., Any] | Compensation[..., Any] | Probe | Callable[..., Any] | str
Fake: TypeAlias = Callable[..., Any]


class Fakes:
    """Finds the fake of what an engine is about to call.

    `fakes`: by activity, compensation, function of a probe, or the name of one of these. A sync
    fake is called on the engine's loop, in no thread. `world`: an object whose public methods stand
    in for what has their name; then what has no fake is refused, but for what `real` names.
    """

    def __init__(
        self,
        fakes: Mapping[Any, Fake] | None = None,
        world: object | None = None,
        real: Iterable[Named] = (),
    ) -> None:
        self._given: dict[Named, Fake] = dict(fakes or {})
        self._world = world
        self._real = list(real)
        self._found: dict[Runnable, StandIn | None] = {}
        self._bearers: dict[str, Runnable] = {}  # of the names that fakes were found by
        if isinstance(world, type):
            raise BadFake(f"world={world.__qualname__} is a class; give an object: world=...()")
        for fake in self._given.values():
            if not callable(fake):
                raise BadFake(f"a fake is called, and {fake!r} cannot be; give a function")
        for named in (*self._given, *self._real):
            if not isinstance(named, str) and not callable(named) and not isinstance(named, Probe):
                raise BadFake(
                    f"{named!r} is no activity, compensation or probe; give one, or its name"
                )

    def find(self, runnable: Runnable) -> StandIn | None:
        """The fake of this; None: call it itself. Raises BadFake, NoFake."""
        if runnable not in self._found:
            self._found[runnable] = self._look(runnable)
        return self._found[runnable]

    def or_refuse(
        self, refuse: Callable[[BadFake | NoFake], None]
    ) -> Callable[[Runnable], StandIn | None]:
        """`find` for a Stage: what it raises goes to `refuse`, and the call never ends.

        Raised in an attempt it would be a defect, and be tried again for ever.
        """

        def stand_in(runnable: Runnable) -> StandIn | None:
            try:
                return self.find(runnable)
            except (BadFake, NoFake) as error:
                refuse(error)
                return StandIn(_never, is_async=True)

        return stand_in

    def check_names(self) -> None:
        """At the end of a run: BadFake for a name that nothing in this process has.

        Others may just not have been called.
        """
        strange = [name for name in self._names() if name not in self._bearers]
        if not strange:
            return
        known = {name for runnable in everything_declared() for name in names_of(runnable)}
        for name in strange:
            if name not in known:
                raise BadFake(
                    f"{name!r}: no activity, compensation or probe has this name"
                    f"{_meant(name, known)}; correct it, or name the function itself"
                )

    def _names(self) -> Iterator[str]:
        yield from (named for named in (*self._given, *self._real) if isinstance(named, str))

    def _look(self, runnable: Runnable) -> StandIn | None:
        named = [each for each in self._given if self._is(runnable, each)]
        found = [(f"fakes[{_told(each)}]", self._given[each]) for each in named]
        if self._world is not None:
            for name in names_of(runnable):
                method = _method(self._world, name)
                if method is not None:
                    self._bear(name, runnable)
                    found.append((f"{type(self._world).__qualname__}.{name}", method))
        real = [f"real=[{_told(each)}]" for each in self._real if self._is(runnable, each)]
        places = [place for place, _ in found] + real
        if len(places) > 1:
            raise BadFake(
                f"{runnable.subject} ({runnable.where}) is given {len(places)} times: "
                f"{', '.join(places)}; leave one of them"
            )
        if found:
            [(place, fake)] = found
            return _stand_in(runnable, place, fake)
        if self._world is None or real:
            return None
        raise NoFake(runnable.subject, runnable.where, self._advice(runnable, self._world))

    def _is(self, runnable: Runnable, named: Named) -> bool:
        """Whether this is what a user named so."""
        if not isinstance(named, str):
            return named is runnable or named is runnable.function
        if named not in names_of(runnable):
            return False
        self._bear(named, runnable)
        return True

    def _bear(self, name: str, runnable: Runnable) -> None:
        other = self._bearers.setdefault(name, runnable)
        if other is not runnable:
            raise BadFake(
                f"{name!r} names {other.subject} ({other.where}) and {runnable.subject} "
                f"({runnable.where}); give the fakes of these by object: "
                "fakes={charge_credit_card: ...}"
            )

    def _advice(self, runnable: Runnable, world: object) -> str:
        name = runnable.function.__name__
        kind = type(world).__qualname__
        methods = {each for each in dir(world) if _method(world, each) is not None}
        return f"write {kind}.{name}{_meant(name, methods)}, or let it run as it is: real=[{name}]"


def names_of(runnable: Runnable) -> list[str]:
    """What a user may call it by: as it is recorded, and as its function is named."""
    return list(dict.fromkeys((runnable.name, runnable.function.__name__)))


def everything_declared() -> list[Runnable]:
    """All that this process has. There is no registry, and a test's own are nowhere imported.

    What was frozen (gc.freeze) the collector does not tell; that was in a module by then.
    """
    kinds = (Activity, Compensation, Probe)
    within = (each for module in list(sys.modules.values()) for each in names_in(module))
    found: dict[int, Any] = {
        id(each): each for each in (*gc.get_objects(), *within) if type(each) in kinds
    }
    for each in list(found.values()):
        if isinstance(each, Activity):
            found |= {id(one): one for one in (each.compensation, each.probe) if one is not None}
    return list(found.values())


def names_in(module: object) -> list[object]:
    """What a module holds; some that pass for modules hold nothing."""
    return list(getattr(module, "__dict__", {}).values())


def _method(world: object, name: str) -> Fake | None:
    if name.startswith("_"):
        return None
    method = getattr(world, name, None)
    return method if callable(method) else None


def _stand_in(runnable: Runnable, place: str, fake: Fake) -> StandIn:
    taken = _taken(runnable, place, fake)

    async def perform(**arguments: Any) -> Any:
        if taken is not None:
            arguments = {name: arguments[name] for name in taken}
        result = fake(**arguments)
        return await result if inspect.isawaitable(result) else result

    return StandIn(perform, is_async=True)


def _taken(runnable: Runnable, place: str, fake: Fake) -> list[str] | None:
    """The parameters that a fake takes; None: all."""
    declared = list(inspect.signature(runnable.function).parameters)
    try:
        parameters = list(inspect.signature(fake).parameters.values())
    except (TypeError, ValueError) as error:
        raise BadFake(
            f"{place}: the parameters of {fake!r} cannot be read ({error}); put a function around "
            f"it that takes those of {runnable.subject}: {', '.join(declared) or 'none'}"
        ) from error
    taken: list[str] = []
    for each in parameters:
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            continue
        if each.name in declared and each.kind is not each.POSITIONAL_ONLY:
            taken.append(each.name)
        elif each.default is each.empty:
            raise BadFake(
                f"{place} asks for {each.name!r}, which {runnable.subject} ({runnable.where}) "
                f"cannot give by name; a fake takes some of {', '.join(declared) or 'nothing'}"
            )
    return None if any(each.kind is each.VAR_KEYWORD for each in parameters) else taken


def _told(named: Named) -> str:
    return repr(named) if isinstance(named, str) else getattr(named, "__name__", str(named))


def _meant(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, sorted(known), 1)
    return f" (is {close[0]!r} meant?)" if close else ""


async def _never(**arguments: Any) -> None:
    await asyncio.get_running_loop().create_future()
