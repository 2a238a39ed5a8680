"""The user's code, where a command needs it: imported by the name of its module.

What the module does when it is imported is done. Nothing of it is run beyond that.
"""

import importlib
import os
import sys
from contextlib import redirect_stdout
from typing import Any

from perdure import Workflow
from perdure.infrastructure.errors import CodeNotUsable


def workflow_of(module: str, name: str) -> Workflow[Any, Any]:
    """The workflow of this name, or with this alias, in a module. Raises CodeNotUsable."""
    here = os.getcwd()  # noqa: PTH109 (what sys.path holds is text)
    if here not in sys.path:  # as `python -m` has it
        sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of the command's output
            imported = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise CodeNotUsable(
            f"the module {module} cannot be imported from {here}: {type(error).__name__}: {error}"
        ) from error
    found = {each.name: each for each in vars(imported).values() if isinstance(each, Workflow)}
    for each in found.values():
        if name == each.name or name in each.aliases:
            return each
    has = f"it has {', '.join(sorted(found))}" if found else "it has none at all"
    raise CodeNotUsable(
        f"the module {module} has no workflow {name}: {has}; name the module that declares it"
    )
