"""The user's code, where a command needs it: the workflow of a name in a module."""

from typing import Any

from perdure import Workflow
from perdure.infrastructure.errors import CodeNotUsable
from perdure.infrastructure.importing import imported


def workflow_of(module: str, name: str) -> Workflow[Any, Any]:
    """The workflow of this name, or with this alias, in a module. Raises CodeNotUsable."""
    found = {
        each.name: each for each in vars(imported(module)).values() if isinstance(each, Workflow)
    }
    for each in found.values():
        if name == each.name or name in each.aliases:
            return each
    has = f"it has {', '.join(sorted(found))}" if found else "it has none at all"
    raise CodeNotUsable(
        f"the module {module} has no workflow {name}: {has}; name the module that declares it"
    )
