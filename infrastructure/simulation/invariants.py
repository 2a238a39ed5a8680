"""What holds for every world when it has come to rest, whatever happened in it.

The numbers are those of the invariants in the plan: I1 acknowledged orders, I8 and I9 owners, I12
liveness, I14 one execution a key. What holds for one history is `histories`' matter, replays are
`prefixes`'.
"""

from collections.abc import Callable, Collection
from typing import TypeAlias

from perdure.domain import events
from perdure.domain.errors import Blocked
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.domain.states import state_at, word_of
from perdure.infrastructure.simulation.clock import START
from perdure.infrastructure.simulation.customer import Customer
from perdure.infrastructure.simulation.histories import History, check_history
from perdure.infrastructure.simulation.prefixes import check_prefixes, digests
from perdure.infrastructure.simulation.storage import Storage
from perdure.infrastructure.simulation.violation import Violation, demand
from perdure.infrastructure.simulation.world import World
from perdure.sagas.workflow import Workflow

Ends: TypeAlias = Callable[[str], Collection[int]]


def check_world(world: World, ends: Ends | None = None) -> None:
    """Raises Violation. Every execution that a customer has ordered is looked at.

    `ends`: by execution, the versions up to which it is replayed; all that were stored, without.
    """
    demand(not world.complaints, f"something was left unhandled: {'; '.join(world.complaints)}")
    check_owners(world.storage)
    left = list(world.storage.log.mailbox.open)
    demand(not left, f"orders were never carried out: {', '.join(left)}")
    orders = world.storage.log.streams
    for customer in world.customers:
        check_customer(world, customer)
    for execution_id in orders:
        workflow = world.workflows[execution_id.partition("@")[0]]
        check_execution(world, workflow, execution_id, ends or world.prefixes_of)


def check_owners(storage: Storage) -> None:
    """Epochs never go back along the log, and an epoch has one owner."""
    owners: dict[int, str] = {}
    before = 0
    for append in storage.appends:
        demand(append.epoch >= before, f"{append.owner} appended in the time of another owner")
        before = append.epoch
        owner = owners.setdefault(append.epoch, append.owner)
        demand(owner == append.owner, f"{owner} and {append.owner} owned the journal at once")


def check_customer(world: World, customer: Customer) -> None:
    """What a customer was told stands in the journal."""
    name = customer.execution_id
    demand(not customer.blocked, f"{name} is blocked: {customer.blocked}")
    if not customer.acknowledged:
        return
    stream = world.stream(name)
    demand(bool(stream), f"the start of {name} was acknowledged, and is lost")
    settling = (events.CancellationRequested, *events.TERMINAL)
    for stored in customer.cancels:
        recorded = any(isinstance(event, settling) for event in stream[:stored])
        demand(recorded, f"{name}: an order to cancel was accepted, and is lost")
    last = stream[-1]
    if customer.parked is None:
        ended = isinstance(last, events.TERMINAL)
        demand(ended, f"{name} was told to have ended, and {type(last).__name__} is its last event")
        failed = isinstance(customer.end, BaseException)
        kept = isinstance(last, events.ExecutionSucceeded)
        demand(kept != failed, f"{name}: {customer.end!r} was told of {type(last).__name__}")
        if isinstance(last, events.ExecutionSucceeded):
            workflow = world.workflows[name.partition("@")[0]]
            same = workflow.decode_result(bytes(last.result)) == customer.end
            demand(same, f"{name}: {customer.end!r} was told, and another result is recorded")


def check_execution(
    world: World, workflow: Workflow[object, object], execution_id: str, ends: Ends
) -> None:
    """One execution: its versions, its row of the index, its history, and all of its replays."""
    rows = world.storage.log.streams[execution_id]
    versions = [row.version for row in rows]
    whole = versions == list(range(1, len(rows) + 1))
    demand(whole, f"{execution_id} has versions {versions}")
    stream = world.stream(execution_id)
    prefixes = digests(row.body for row in rows)

    def replayed(prefix: list[Event]) -> dict[int, tuple[object, ...]]:
        try:
            return world.replays.of(workflow, execution_id, prefix, prefixes[len(prefix)])
        except Blocked as error:
            told = f"a replay of the first {len(prefix)} events differs: {error}"
            raise Violation(told) from error

    try:
        check_prefixes(stream, ends(execution_id), replayed)
        declared = {**world.calls.activities, **world.replays.declared}
        calls = [call for call in world.calls.made if call.execution_id == execution_id]
        check_history(History(execution_id, stream, calls, declared))
        check_row(world, execution_id, stream)
        check_orders(world, execution_id, stream)
    except Violation as violation:
        violation.execution_id = violation.execution_id or execution_id
        raise


def check_row(world: World, execution_id: str, stream: list[Event]) -> None:
    """The index says what the stream amounts to."""
    row = world.storage.log.executions[execution_id]
    state = state_at(fold(execution_id, stream), START + world.machine.now)
    word = {"waiting": "running"}.get(word_of(state), word_of(state))
    demand(row.state == word, f"the index says {row.state}, and the stream {word}")


def check_orders(world: World, execution_id: str, stream: list[Event]) -> None:
    """No order was carried out more often than it was given."""
    given = world.storage.posted[execution_id]
    done = [e for e in stream if isinstance(e, events.CancellationRequested)]
    demand(len(done) <= given["cancel"], f"{given['cancel']} cancels were carried out {len(done)}")
    resumed = [e for e in stream if isinstance(e, events.ExecutionResumed)]
    told = f"{given['resume']} orders to resume were carried out {len(resumed)} times"
    demand(len(resumed) <= given["resume"], told)
