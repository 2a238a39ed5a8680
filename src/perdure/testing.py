"""The testing kit: prove that a saga ends all-or-nothing. Needs the extra `testing`.

Here are its public names; what they mean stands where they are defined.
"""

from perdure.infrastructure.simulation.checking import check_workflow
from perdure.infrastructure.simulation.trial import Ending
from perdure.infrastructure.simulation.violation import Violation

__all__ = ["Ending", "Violation", "check_workflow"]
