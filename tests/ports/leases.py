"""Stories of a lease: runners take the shards, lose them, die, leave, and append all the while.

The model is the storage of the simulated world, which says who may take and who may append: what
engines are tried on there holds on a server. It refuses to wait: a lease ends here because it is
ended. The server's side is tests.journals.contenders.
"""

import copy
import os
from collections import Counter
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, TypeAlias

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from perdure.domain.errors import LostLease
from perdure.domain.identity import DEFAULT_SHARDS, shard_of
from perdure.infrastructure.postgres import lease, neighbour
from perdure.infrastructure.postgres.lease import Occupied
from perdure.infrastructure.postgres.tenure import Tenure
from perdure.infrastructure.simulation.storage import Storage
from tests.journals.contenders import SECONDS, Contender, check_one_owner_at_a_time
from tests.journals.stores import PostgresStore
from tests.journals.submissions import payment

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
RUNNERS = 3
HAPPENS = (
    *("a second one waits", "a death is not believed", "a silent one is given up"),
    *("an append is stored", "an append is fenced", "a late append is fenced"),
    *("it is renewed", "renewing is refused"),
    *("an owner leaves", "an owner dies", "an owner's lease ends"),
)
WHO = st.integers(0, RUNNERS - 1)
LOOKS = 10_000
SHARD = shard_of(payment(0))
# Of one shard, so that its positions tell the order of all; no story is longer.
NAMES = [*islice((it for it in map(payment, count()) if shard_of(it) == SHARD), 100)]
EMPTY = """
    TRUNCATE events, executions, runner, runner_writer;
    UPDATE shard_lease SET owner = NULL, epoch = 0
"""


@dataclass
class Runner:
    """One that contends, and what the model knows of it."""

    name: str
    contender: Contender
    epoch: int = 0  # 0: it never owned anything, or left
    before: Tenure | None = None  # an earlier one, of which something may still come
    seen: tuple[Occupied, int, int] | None = None  # an owner, its epoch and how often it renewed


def holders(story: "LeaseStory") -> list[Runner]:
    """Who owns the shards, or has lost them and may not know."""
    held = [each for each in story.runners if each.contender.tenure is not None]
    return sorted(held, key=lambda it: -it.epoch)


def one_of(runners: list[Runner], who: int) -> Runner:
    return runners[who % len(runners)]


class LeaseStory(RuleBasedStateMachine):
    """On one schema, which is emptied first, by contenders that stay from story to story."""

    def __init__(
        self,
        store: PostgresStore,
        by_hand: Connection,
        contenders: list[Contender],
        happened: Counter[str],
    ) -> None:
        super().__init__()
        self.happened = happened
        self.looks_dead = ""  # an owner's process is gone, but not its connection
        self.store = store
        self.by_hand = by_hand
        self.names = iter(NAMES)
        self.runners = [Runner(f"runner {n}", it) for n, it in enumerate(contenders)]
        self.storage = Storage(lambda: 0, SECONDS)
        self.renewals = 0
        by_hand.execute(EMPTY)
        for contender in contenders:
            contender.tenure = None
            contender.acknowledged.clear()

    @rule(who=WHO)
    def take(self, who: int) -> None:
        """It is taken, or somebody else's."""
        runner = self.runners[who]
        before = runner.contender.tenure
        self.taken(runner, before, runner.contender.take())

    @initialize(who=WHO)
    def begin(self, who: int) -> None:
        self.take(who)

    @rule(who=WHO)
    def expire_and_take(self, who: int) -> None:
        """Another has it before its owner knows anything."""
        self.expire()
        self.take(who)

    @rule(who=WHO)
    def take_all_round(self, who: int) -> None:
        """Everybody wants it."""
        for number in range(RUNNERS):
            self.take((who + number) % RUNNERS)

    @precondition(lambda self: any(each.seen for each in self.runners))
    @rule(who=WHO)
    def take_from_one_that_was_silent(self, who: int) -> None:
        """After a lease's time in which the owner that was seen did not renew, as far as seen."""
        runner = one_of([each for each in self.runners if each.seen], who)
        assert runner.seen is not None
        given_up, epoch, renewals = runner.seen
        if (epoch, renewals) == (self.storage.epoch, self.renewals):
            self.storage.expropriate()
            self.happened["a silent one is given up"] += self.storage.owner is not None
        before = runner.contender.tenure
        taken = runner.contender.take(given_up)
        self.taken(runner, before, taken)

    def taken(self, runner: Runner, before: Tenure | None, taken: Tenure | Occupied) -> None:
        epoch = self.storage.take(runner.name)
        if isinstance(taken, Occupied):
            self.happened["a second one waits"] += 1
            self.happened["a death is not believed"] += taken.runner == self.looks_dead
            assert epoch is None, f"{runner.name} is to have epoch {epoch}, and saw {taken}"
            runner.seen = taken, self.storage.epoch, self.renewals
            if self.storage.owner == runner.name:  # it is its own, and goes on with it
                runner.contender.tenure = before
            else:
                runner.epoch = 0
            return
        assert {taken.epoch(shard) for shard in range(DEFAULT_SHARDS)} == {epoch}
        runner.epoch = self.storage.epoch
        runner.before = before or runner.before

    @precondition(lambda self: bool(holders(self)))
    @rule(who=WHO)
    def append(self, who: int) -> None:
        """Who may, does; of anybody else nothing is stored."""
        runner = one_of(holders(self), who)
        stored = runner.contender.append(next(self.names))
        self.happened["an append is stored" if stored else "an append is fenced"] += 1
        assert stored == self.may_append(runner)

    def may_append(self, runner: Runner) -> bool:
        if runner.epoch == 0:
            return False
        try:
            self.storage.append([], runner.epoch, runner.name)
        except LostLease:
            return False
        return True

    @precondition(lambda self: bool(holders(self)))
    @rule(who=WHO)
    def change_writer(self, who: int) -> None:
        """Its connection was lost: what the last one may still send comes to nothing."""
        runner = one_of(holders(self), who)
        tenure = runner.contender.tenure
        assert tenure is not None
        runner.before = copy.copy(tenure)
        lease.change_writer(runner.contender.connection, runner.contender.statements, tenure)

    @precondition(lambda self: any(each.before for each in self.runners))
    @rule(who=WHO)
    def append_late(self, who: int) -> None:
        """By a writer that was given up, or a tenure that is over."""
        runner = one_of([each for each in self.runners if each.before], who)
        now, runner.contender.tenure = runner.contender.tenure, runner.before
        assert not runner.contender.append(next(self.names))
        self.happened["a late append is fenced"] += 1
        runner.contender.tenure = now

    @precondition(lambda self: bool(holders(self)))
    @rule(who=WHO)
    def renew(self, who: int) -> None:
        """It goes on, unless it is over or taken."""
        runner = one_of(holders(self), who)
        tenure, contender = runner.contender.tenure, runner.contender
        assert tenure is not None
        told = lease.renew(contender.connection, contender.statements, tenure.runner, SECONDS)
        renewed = runner.epoch > 0 and self.storage.renew(runner.epoch)
        assert (told is not None) == renewed
        self.renewals += renewed
        self.happened["it is renewed" if renewed else "renewing is refused"] += 1

    @rule()
    def expire(self) -> None:
        """Whoever owns it was silent for too long, and may not know."""
        self.by_hand.execute("UPDATE runner SET expires_at = clock_timestamp()")
        self.happened["an owner's lease ends"] += self.storage.owner is not None
        self.storage.expropriate()

    @precondition(lambda self: bool(holders(self)))
    @rule(who=WHO)
    def leave(self, who: int) -> None:
        """It gives up what it has; nothing, if it was taken over."""
        runner = one_of(holders(self), who)
        runner.contender.leave()
        runner.before, runner.contender.tenure = runner.contender.tenure, None
        if runner.epoch == self.storage.epoch:
            self.storage.release(runner.name)
            self.happened["an owner leaves"] += 1
        runner.epoch = 0

    @precondition(lambda self: bool(holders(self)))
    @rule(who=WHO, connected=st.booleans())
    def die(self, who: int, connected: bool) -> None:
        """Its process is gone; while the server has its connection, that is not believed."""
        runner = one_of(holders(self), who)
        tenure, contender = runner.contender.tenure, runner.contender
        assert tenure is not None
        values = (gone_process(), tenure.runner)
        self.by_hand.execute("UPDATE runner SET process = %s WHERE runner = %s", values)
        if not connected:
            contender.connection.close()
            self.wait_until_gone(lease.connection_of(tenure.runner))
            contender.connection = contender.database.connect("test")
            contender.tenure = None
            if runner.epoch == self.storage.epoch:
                self.storage.release(runner.name)
                self.happened["an owner dies"] += 1
            runner.epoch = 0
        elif runner.epoch == self.storage.epoch:
            self.looks_dead = tenure.runner

    def wait_until_gone(self, name: str) -> None:
        statement = "SELECT FROM pg_stat_activity WHERE application_name = %s"
        for _ in range(LOOKS):
            if not self.by_hand.execute(statement, (name,)).fetchall():
                return
        raise AssertionError(f"{name} is still connected")

    def everything(self) -> None:
        """The one story that is known before, in which all of HAPPENS does."""
        self.take(0)
        self.append(0)
        self.renew(0)
        self.take(1)
        self.take_from_one_that_was_silent(0)
        self.append(1)  # by the one that was robbed
        self.renew(1)
        self.change_writer(0)
        self.append_late(0)
        self.append_late(1)
        self.append(0)
        self.die(0, connected=True)
        self.take(2)
        self.expire()
        self.leave(0)
        self.take(2)
        self.die(0, connected=False)
        self.take_all_round(0)
        self.teardown()

    def teardown(self) -> None:
        contenders = [runner.contender for runner in self.runners]
        check_one_owner_at_a_time(self.store, contenders)
        owned = self.by_hand.execute("SELECT DISTINCT epoch FROM shard_lease").fetchall()
        assert owned == [(self.storage.epoch,)]
        [(runners,)] = self.by_hand.execute("SELECT count(*) FROM runner").fetchall()
        assert runners <= 1


def gone_process() -> str:
    """One of this machine that ended; another has its number now."""
    here = neighbour.this_process()
    assert here is not None
    return f"{here.partition(f' {os.getpid()} ')[0]} {os.getpid()} 0"
