"""What modules declare: their workflows and activities by every name that they answer to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from perdure.infrastructure.errors import CodeNotUsable
from perdure.infrastructure.importing import imported
from perdure.sagas.activity import Activity
from perdure.sagas.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Code:
    """By name and by alias, a name before an alias."""

    workflows: dict[str, Workflow[Any, Any]]
    activities: dict[str, Activity[..., Any]]


def code_of(modules: Sequence[str]) -> Code:
    """Imports them. Raises CodeNotUsable, also where two workflows have one name."""
    values = [value for module in modules for value in vars(imported(module)).values()]
    workflows = [value for value in values if isinstance(value, Workflow)]
    activities = [value for value in values if isinstance(value, Activity)]
    named: dict[str, Workflow[Any, Any]] = {}
    for each in workflows:
        if named.setdefault(each.name, each) is not each:
            raise CodeNotUsable(
                f"two workflows are named {each.name} ({named[each.name].where} and {each.where}); "
                "leave out the module of one, or rename it"
            )
    if not named:
        raise CodeNotUsable(
            f"there is no workflow in {', '.join(modules)}; name the module that declares them"
        )
    return Code(
        {alias: each for each in workflows for alias in each.aliases} | named,
        {alias: each for each in activities for alias in each.aliases}
        | {each.name: each for each in activities},
    )
