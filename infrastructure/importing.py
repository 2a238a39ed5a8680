"""The user's modules, imported by name for the commands that need code.

What a module does when it is imported is done. Nothing of it is run beyond that.
"""

import importlib
import os
import sys
from contextlib import redirect_stdout
from types import ModuleType

from perdure.infrastructure.errors import CodeNotUsable


def imported(module: str) -> ModuleType:
    """The module, from the folder of today first, as `python -m` has it. Raises CodeNotUsable."""
    here = os.getcwd()  # noqa: PTH109 (what sys.path holds is text)
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of the command's output
            return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise CodeNotUsable(
            f"the module {module} cannot be imported from {here}: {type(error).__name__}: {error}"
        ) from error
