"""The audit: holds the shop's books against the journal, order by order, and says what is off.

Pure rules over plain facts. A rule is given the case of one order and yields a sentence for
everything wrong with it; what a rule does not say is right. `facts` reads the books, `cases` sorts
by order.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from perdure.infrastructure.demo.cases import Case, Dealing, cases_of
from perdure.infrastructure.demo.facts import Books, End, ExecutionFacts, Outcome

Rule = Callable[[Case], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result; `violations` are sentences that begin with an order's id, none when all is well.

    `fulfilled` to `open` count executions by their state in the journal, `misbehaviours` the shop's
    calls by how they were met; `charges_with_lost_answer` were booked by a call whose answer never
    arrived.
    """

    orders: int
    fulfilled: int
    compensated: int
    declined: int
    cancelled: int
    open: int
    charges: int
    refunds: int
    double_charges: int
    charges_with_lost_answer: int
    charges_replayed: int
    refunds_of_nothing: int
    calls: int
    misbehaviours: Mapping[str, int]
    violations: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is off."""
        return not self.violations


def audit(books: Books, executions: Sequence[ExecutionFacts]) -> Audit:
    """Applies every rule to every order; no I/O."""
    cases = cases_of(books, executions)
    ends = Counter(execution.end for execution in executions)
    charge_calls = [call for case in cases for call in case.charge.calls]
    met = Counter(
        f"{call.conduct}: {call.loss}" if call.loss else call.conduct for call in books.calls
    )
    met.update(call.operation + " refused" for call in books.calls if call.effect == "refused")
    del met["proper"]
    return Audit(
        orders=len(books.orders),
        fulfilled=ends[End.SUCCEEDED],
        compensated=ends[End.COMPENSATED],
        declined=ends[End.FAILED],
        cancelled=ends[End.CANCELLED],
        open=ends[None],
        charges=len(books.charges),
        refunds=sum(refund.reference is not None for refund in books.refunds),
        double_charges=sum(len(case.charge.effects) > 1 for case in cases),
        charges_with_lost_answer=sum(
            call.effect == "performed" and call.loss is not None for call in charge_calls
        ),
        charges_replayed=sum(call.effect == "replayed" for call in charge_calls),
        refunds_of_nothing=sum(refund.reference is None for refund in books.refunds),
        calls=len(books.calls),
        misbehaviours=dict(sorted(met.items())),
        violations=tuple(
            f"{case.order_id} {sentence}."
            for case in cases
            for rule in RULES
            for sentence in rule(case)
        ),
    )


def taken_once(case: Case) -> Iterator[str]:
    """Every order has one execution."""
    if not case.executions:
        yield "was never taken: the journal has no execution for it"
    if len(case.executions) > 1:
        ids = ", ".join(each.execution_id for each in case.executions)
        yield f"was taken by {len(case.executions)} executions: {ids}"


def nothing_open(case: Case) -> Iterator[str]:
    """Every execution has come to an end."""
    for execution in case.executions:
        if execution.end is None:
            yield f"is still open: its execution is {execution.state}"


def charged_at_most_once(case: Case) -> Iterator[str]:
    """There is no double charge, refunded or not."""
    if len(case.charge.effects) > 1:
        references = ", ".join(charge.reference for charge in case.charge.effects)
        yield f"was charged {len(case.charge.effects)} times: {references}"


def one_key_for_every_attempt(case: Case) -> Iterator[str]:
    """What is asked for again is asked for with one key, which follows from the journal."""
    for dealing in case.dealings:
        if len(dealing.keys) > 1:
            keys = ", ".join(sorted(dealing.keys))
            yield f"was asked for a {dealing.kind.done} with {len(dealing.keys)} keys: {keys}"


def nothing_shipped_that_was_refunded(case: Case) -> Iterator[str]:
    """The books alone: a customer has either the parcel or the money."""
    refunded = any(refund.reference is not None for refund in case.charge.undos)
    if refunded and case.parcel.standing:
        yield "was refunded and shipped all the same"


def nothing_shipped_unpaid(case: Case) -> Iterator[str]:
    """The books alone: no parcel without a charge."""
    if case.parcel.standing and not case.charge.effects:
        yield "was shipped and never charged"


def ended_all_or_nothing(case: Case) -> Iterator[str]:
    """The books agree with the end that the journal tells of: everything done, or nothing left."""
    for execution in case.executions:
        match execution.end:
            case End.SUCCEEDED:
                yield from _not_fulfilled(case)
            case End.COMPENSATED | End.FAILED | End.CANCELLED as end:
                yield from _not_undone(case, end)
            case None:
                pass
            case _:
                assert_never(execution.end)


def undone_only_what_was_done(case: Case) -> Iterator[str]:
    """No undo in the books without what it undoes, unless the journal calls the outcome unknown."""
    for dealing in case.dealings:
        done = {effect.key: effect.reference for effect in dealing.effects}
        for undo in dealing.undos:
            words = f"{dealing.kind.undone} {undo.reference or 'of nothing'}"
            if undo.reference is not None and done.get(undo.undone_key) != undo.reference:
                yield f"has a {words}, but no such {dealing.kind.done} in the books"
            if undo.reference is None and undo.undone_key in done:
                reference = done[undo.undone_key]
                yield f"has a {dealing.kind.done} {reference} that came after its key was barred"
            if undo.reference is None and not _is_unknown(dealing, undo.undone_key):
                yield f"has a {words}, though the journal knows of the {dealing.kind.done}"


def compensations_agree(case: Case) -> Iterator[str]:
    """What the journal has compensated is undone in the books, and the other way round."""
    for dealing in case.dealings:
        kind = dealing.kind
        undone = {undo.undone_key for undo in dealing.undos}
        compensated: set[str] = set()
        for activity in dealing.activities:
            if not activity.compensated:
                continue
            compensated |= activity.idempotency_keys
            if activity.outcome is Outcome.FAILED:
                yield f"compensated {kind.activity}, which the journal says was never done"
            if not activity.idempotency_keys & undone:
                yield f"compensated {kind.activity}, but the books have no {kind.undone}"
        if undone - compensated and all(each.end for each in case.executions):
            yield f"has a {kind.undone} in the books that the journal knows nothing of"


def results_are_in_the_books(case: Case) -> Iterator[str]:
    """What the journal calls done is booked; what it calls refused is not."""
    for dealing in case.dealings:
        booked = {effect.key for effect in dealing.effects}
        for activity in dealing.activities:
            kind = dealing.kind
            found = bool(activity.idempotency_keys & booked)
            if activity.outcome is Outcome.SUCCEEDED and not found:
                yield f"succeeded in {kind.activity}, but the books have no {kind.done}"
            if activity.outcome is Outcome.FAILED and found:
                yield f"failed in {kind.activity}, but the books have a {kind.done}"


RULES: tuple[Rule, ...] = (
    taken_once,
    nothing_open,
    charged_at_most_once,
    one_key_for_every_attempt,
    nothing_shipped_that_was_refunded,
    nothing_shipped_unpaid,
    ended_all_or_nothing,
    undone_only_what_was_done,
    compensations_agree,
    results_are_in_the_books,
)


def _not_fulfilled(case: Case) -> Iterator[str]:
    for dealing in case.dealings:
        if not dealing.effects:
            yield f"succeeded without a {dealing.kind.done} in the books"
        elif not dealing.standing:
            yield f"succeeded, but its {dealing.kind.done} is undone by a {dealing.kind.undone}"
    if len(case.mails) != 1:
        yield f"succeeded with {len(case.mails)} confirmations mailed"


def _not_undone(case: Case, end: End) -> Iterator[str]:
    for dealing in case.dealings:
        for effect in dealing.standing:
            yield f"ended {end}, but its {dealing.kind.done} {effect.reference} stands"
    if case.mails and end is not End.CANCELLED:
        yield f"ended {end}, but a confirmation was mailed"


def _is_unknown(dealing: Dealing, key: str) -> bool:
    return any(
        activity.outcome is Outcome.UNKNOWN and key in activity.idempotency_keys
        for activity in dealing.activities
    )
