"""Rules of declarations: effects without undo or key, failures past a pivot, undos that cannot.

Looks at whole workflows by their `steps`, and at what activities do by their `effects`.
"""

import ast
from collections.abc import Iterator

from perdure.infrastructure.lint.declared import Declaration
from perdure.infrastructure.lint.effects import Effects
from perdure.infrastructure.lint.findings import Finding
from perdure.infrastructure.lint.reach import Part, Reach
from perdure.infrastructure.lint.scopes import Class, Function
from perdure.infrastructure.lint.steps import Course, Step, steps_after_pivot

BASES = 8  # that are followed
CATCH_FAILURES = {"perdure.Failure", "builtins.Exception", "builtins.BaseException"}


class Undoing:
    """The rules, for one program. `compensated`: the activities that have a compensation."""

    def __init__(self, reach: Reach, compensated: set[Function], fixes: dict[str, str]) -> None:
        self.steps: set[Function] = set()  # the activities of the workflows that were looked at
        self._meanings = reach.meanings
        self._declarations = reach.declarations
        self._effects = Effects(reach)
        self._compensated = compensated
        self._fixes = fixes
        self._told: set[tuple[str, Function]] = set()

    def of_workflow(self, workflow: Function) -> Iterator[Finding]:
        """PD201 and PD202."""
        course = Course(workflow, self._meanings, self._declarations)
        after = {step: pivot for pivot, step in steps_after_pivot(course, self._declarations)}
        self.steps |= {step.activity for step in course.steps if step.activity is not None}
        for step in course.steps:
            if step.activity is not None and step not in after:
                yield from self._without_undo(step, step.activity, workflow)
        for step, pivot in after.items():
            yield from self._fails_after(step, pivot, workflow)

    def of_declaration(self, declaration: Declaration) -> Iterator[Finding]:
        """PD203, PD204 and PD205."""
        function = declaration.function
        if declaration.kind == "compensation":
            failures = self._declarations.raises(declaration)
            if failures:
                what = f"the compensation {function.name} can fail with {', '.join(failures)}"
                yield self._finding("PD203", function, what)
            if self._finds_nothing(function):
                what = f"the compensation {function.name} uses no argument, and never asks what it"
                yield self._finding("PD204", function, f"{what} undoes")
        elif declaration.kind == "activity":
            effect = next((each for each in self._effects.of(function) if each.paying), None)
            if effect is not None and not self._effects.knows_itself(function):
                what = f"the activity {function.name} sends no idempotency key: {effect.what}"
                yield self._finding("PD205", function, what)

    def _without_undo(
        self, step: Step, activity: Function, workflow: Function
    ) -> Iterator[Finding]:
        declaration = self._declarations.of(activity)
        if activity in self._compensated or self._declarations.is_pivot(declaration):
            return
        later = [each for each in step.followers if each.activity is not None or not each.caught]
        effects = self._effects.of(activity)
        if later and effects and ("PD201", activity) not in self._told:
            self._told.add(("PD201", activity))
            first = min(later, key=lambda each: (each.line <= step.line, each.line))
            what = (
                f"the activity {activity.name} has no compensation, though {effects[0].what}: "
                f"in {workflow.name} it is followed by {_shown(first)}"
            )
            yield self._finding("PD201", activity, what)

    def _fails_after(self, step: Step, pivot: Step, workflow: Function) -> Iterator[Finding]:
        activity, turned = step.activity, pivot.activity
        if activity is None or turned is None or ("PD202", activity) in self._told:
            return
        declaration = self._declarations.of(activity)
        failures = self._declarations.raises(declaration)
        if not failures or self._caught(step, self._declarations.failures(declaration)):
            return
        self._told.add(("PD202", activity))
        part = Part(step.function, workflow)
        what = f"{activity.name} can fail with {', '.join(failures)} after the pivot {turned.name}"
        yield part.finding("PD202", step.node, f"{what} {part.where}", self._fixes["PD202"])

    def _caught(self, step: Step, failures: list[Class]) -> bool:
        """Whether handlers around it name its failures, or what all failures are."""
        for handler in step.caught:
            caught = handler.type
            for each in caught.elts if isinstance(caught, ast.Tuple) else [caught]:
                meaning = self._meanings.of(each, step.scope)
                path = self._meanings.path(each, step.scope)
                if each is None or path in CATCH_FAILURES:
                    return True
                if isinstance(meaning, Class):
                    if not failures or any(self._is(failure, meaning) for failure in failures):
                        return True
        return False

    def _is(self, failure: Class, caught: Class, depth: int = 0) -> bool:
        """Whether a failure is of a class, by the bases that are in sight."""
        bases = [self._meanings.of(base, failure.outer) for base in failure.node.bases]
        return failure is caught or any(
            isinstance(base, Class) and depth < BASES and self._is(base, caught, depth + 1)
            for base in bases
        )

    def _finds_nothing(self, function: Function) -> bool:
        """Whether its code does something, and neither its arguments nor the key take part."""
        arguments = {each.arg for each in function.node.args.args + function.node.args.kwonlyargs}
        names = {node.id for node in function.nodes() if isinstance(node, ast.Name)}
        calls = any(isinstance(node, ast.Call) for node in function.nodes())
        if arguments & names or not calls:
            return False
        return bool(self._effects.of(function)) and not self._effects.knows_itself(function)

    def _finding(self, code: str, function: Function, what: str) -> Finding:
        return Part(function, function).declared(code, what, self._fixes[code])


def _shown(step: Step) -> str:
    return f"{step.activity.name if step.activity else 'a raise'} (line {step.line})"
