"""Hypothesis strategies for tests of a few hundred examples: small programs, and any day."""

from tests.programs import drivers
from tests.properties.day import Day

__all__ = ["Day", "days", "programs"]

COMMANDS_LIMIT = 10

programs = drivers.cases(COMMANDS_LIMIT).map(lambda case: case[0])
days = drivers.cases(1).map(lambda case: case[1])
