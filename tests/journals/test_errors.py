"""Errors go to other processes, as pools of workers send them, and come back as they were."""

import copy
import inspect
from multiprocessing.reduction import ForkingPickler

import pytest

from perdure.domain import errors
from perdure.domain.errors import ExecutionParked, PerdureError, VersionConflict
from perdure.infrastructure import errors as of_adapters
from perdure.sagas import errors as of_declarations

KINDS = sorted(
    {
        kind
        for module in (errors, of_adapters, of_declarations)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, PerdureError)
    },
    key=lambda kind: kind.__name__,
)


def sample(kind: type[PerdureError]) -> PerdureError:
    """One of this kind, with every field set."""
    if kind is ExecutionParked:
        return ExecutionParked("Pay@1", "stuck", "the gateway is gone")
    if not inspect.isfunction(kind.__init__):  # as Exception has it
        return kind("what happened")
    values: dict[str, object] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        annotation = str(parameter.annotation)
        values[name] = 7 if "int" in annotation else ("x",) if "tuple" in annotation else "text"
    return kind(**values)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_the_same_after_a_journey(kind: type[PerdureError]) -> None:
    error = sample(kind)
    error.add_note("on the way")
    sent = ForkingPickler.loads(bytes(ForkingPickler.dumps(error)))
    for other in (sent, copy.copy(error), copy.deepcopy(error)):
        assert type(other) is kind
        assert (str(other), other.args) == (str(error), error.args)
        assert vars(other) == vars(error)
        assert other.__notes__ == ["on the way"]


def test_a_conflict_can_be_in_a_set() -> None:
    conflict = VersionConflict("Pay@1", 3)
    assert conflict in {conflict}
