"""The conditions of `--where`: which executions an order is for, by what the index has of them.

`state=stuck,workflow=process_payment,reason~timeout`. They refuse what no execution can fit, with
the choices; reading the journal is `targets`' matter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import typer

from perdure.domain.identity import NAME
from perdure.domain.journal import STATES, IndexRow
from perdure.domain.states import WORDS

FIELDS = {
    "state": attrgetter("state"),
    "workflow": attrgetter("workflow"),
    "reason": attrgetter("reason"),
    "id": attrgetter("execution_id"),
}
TAG = "tag."  # and the name of one
CHOICES = ", ".join([*FIELDS, f"{TAG}NAME"])

# A comma separates where another condition follows, and belongs to the value elsewhere.
BETWEEN = re.compile(r",(?=\s*[\w.-]+\s*[=~])")
CONDITION = re.compile(r"\s*(?P<field>[\w.-]+)\s*(?P<operator>[=~])(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """`field=value`, or `field~value`: contains it, whether in small or in capital letters."""

    field: str
    operator: Literal["=", "~"]
    value: str

    def fits(self, row: IndexRow) -> bool:
        has = self._has(row)
        return has == self.value if self.operator == "=" else self.value.lower() in has.lower()

    def _has(self, row: IndexRow) -> str:
        if self.field.startswith(TAG):
            return (row.tags or {}).get(self.field.removeprefix(TAG), "")
        has: str = FIELDS[self.field](row)
        return has


@dataclass(frozen=True, slots=True)
class Where:
    """All conditions. Of those on one field one has to fit."""

    conditions: tuple[Condition, ...]

    def values(self, field: str) -> tuple[str, ...]:
        """What a field has to be equal to, if it has to."""
        mine = [each for each in self.conditions if each.field == field]
        if any(each.operator == "~" for each in mine):
            return ()
        return tuple(each.value for each in mine)

    def fits(self, row: IndexRow) -> bool:
        by_field: dict[str, list[Condition]] = {}
        for each in self.conditions:
            by_field.setdefault(each.field, []).append(each)
        return all(any(one.fits(row) for one in mine) for mine in by_field.values())


def parsed(texts: Sequence[str]) -> Where:
    """The conditions of all `--where`. Raises typer.BadParameter, with the choices."""
    conditions = [_condition(part) for text in texts for part in BETWEEN.split(text)]
    return Where(tuple(conditions))


def _condition(text: str) -> Condition:
    found = CONDITION.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is no condition; say field=value, or field~part of the value, with a field "
            f"of {CHOICES}"
        )
    field, value = found["field"], found["value"].strip()
    if field not in FIELDS and not (field.startswith(TAG) and NAME.match(field[len(TAG) :])):
        raise typer.BadParameter(f"there is no field {field!r}; choose of {CHOICES}")
    if not value:
        raise typer.BadParameter(f"{text.strip()!r} names no value")
    operator: Literal["=", "~"] = "=" if found["operator"] == "=" else "~"
    if field == "state":
        _check_state(operator, value)
    return Condition(field, operator, value)


def _check_state(operator: str, value: str) -> None:
    if operator == "~":
        raise typer.BadParameter(f"a state is asked for whole: state=stuck, not state~{value}")
    if value not in STATES:
        hint = "; what waits for a time is running here" if value in WORDS.values() else ""
        raise typer.BadParameter(f"{value!r} is none of {', '.join(STATES)}{hint}")
