"""A journal and its post office as a state machine: whatever is done, memory and a store agree.

Memory is the model, the readable specification. A store stays open from one example to the next,
and is emptied between them. `test_model` says how long each is played.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from perdure.domain.errors import VersionConflict
from perdure.domain.identity import shard_of
from perdure.domain.journal import STATES, IndexRow, Journal, Scan, Submission
from perdure.domain.mailbox import Envelope, Settlement
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.journals import open_journal, open_post_office
from perdure.infrastructure.memory.journal import MemoryJournal
from perdure.infrastructure.memory.post_office import MemoryPostOffice
from tests.journals.envelopes import envelope, settlement
from tests.journals.stores import PostgresStore, SQLiteStore
from tests.journals.submissions import NOON, charged, payment, row

SHARE = [it for it in map(payment, range(2_000)) if shard_of(it) == shard_of(payment(0))]
NAMES = [*SHARE[:3], payment(1)]  # three of them in one shard
KINDS = ("start", "cancel", "resume", "resolve")
LETTERS = [envelope(f"e{n}", NAMES[n % len(NAMES)], kind) for n, kind in enumerate(KINDS)]
TIMES = st.integers(NOON, NOON + 3)
TAGS = st.dictionaries(
    st.sampled_from(["city", "city.part"]), st.sampled_from(["Bern", '"', "東京"]), min_size=1
)
SOME_STATES = st.lists(st.sampled_from(STATES), unique=True).map(tuple)
SCANS = st.builds(
    Scan,
    states=st.just(STATES) | SOME_STATES,
    due_until=st.none() | TIMES,
    workflow=st.sampled_from([None, None, None, "ProcessPayment", "Refund"]),
    everything=st.booleans(),
    begun=st.sampled_from([None, None, True, False]),
    tags=st.none() | st.none() | TAGS,
    after=st.none() | st.tuples(TIMES, st.sampled_from(NAMES)),
    limit=st.integers(1, 3),
)
ORDERS = (
    Scan(states=STATES, everything=True),
    Scan(states=STATES, due_until=NOON + 3),
    Scan(states=STATES),
)
START_AGAIN = -1_000
OFFSETS = st.sampled_from([*[0] * 9, 1, -1, START_AGAIN, START_AGAIN])
ANY_ONE = 9  # open or not
SETTLES = st.just([]) | st.lists(st.integers(0, ANY_ONE), max_size=2)
Call = Callable[[Coroutine[Any, Any, Any]], Any]


class System:
    """A store with both its ports open; `run` carries out a call of theirs."""

    journal: Journal
    office: PostOffice

    def __init__(self, store: SQLiteStore | PostgresStore) -> None:
        self._store = store
        self._loop = asyncio.new_event_loop()
        self.run: Call = self._loop.run_until_complete
        self.open()

    def open(self) -> None:
        self.journal = self.run(open_journal(self._store.url))
        self.office = self.run(open_post_office(self._store.url))

    def close(self) -> None:
        self.run(self.office.close())
        self.run(self.journal.close())

    def empty(self) -> None:
        for table in ("events", "executions", "mailbox"):
            self._store.execute(f"DELETE FROM {table}")

    def positions(self) -> list[tuple[Any, ...]]:
        """Shard, position, execution and version of every event, in the order of positions."""
        column = self._store.position
        return self._store.execute(
            f"SELECT shard, {column}, execution_id, version FROM events ORDER BY {column}"
        )

    @property
    def gapless(self) -> bool:
        return self._store.gapless

    def end(self) -> None:
        self.close()
        self._loop.close()


@st.composite
def rows(draw: st.DrawFn, name: str) -> IndexRow:
    changes = {
        "state": draw(st.sampled_from(STATES)),
        "due": draw(st.none() | TIMES | TIMES),
        "started": draw(TIMES),
        "reason": draw(st.sampled_from(["", "lost\x00", "café"])),
        "tags": draw(st.none() | TAGS),
        "workflow": draw(st.sampled_from(["ProcessPayment", "Refund"])),
    }
    return row(name, **changes)


@dataclass(frozen=True)
class Drawn:
    """A submission whose version, and the envelopes that it settles, are not known yet."""

    submission: Submission
    offset: int  # from where its stream is
    settles: list[int]


@st.composite
def submissions(draw: st.DrawFn) -> Drawn:
    name = draw(st.sampled_from(NAMES))
    events = [charged(ordinal) for ordinal in range(draw(st.sampled_from([1, 1, 2, 0])))]
    index = draw(st.none() | rows(name))
    submission = Submission(name, shard_of(name), 0, events, index)
    return Drawn(submission, draw(OFFSETS), draw(SETTLES))


STARTS = st.tuples(*map(rows, NAMES))
BATCHES = st.lists(submissions(), min_size=1, max_size=3)


class Ports(RuleBasedStateMachine):
    """See the module."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.system = system
        system.empty()
        self.model = MemoryJournal()
        self.model_office = MemoryPostOffice(self.model.log)
        self.read_to: tuple[int, int] = (0, 0)  # arrivals, of the model's and of the system's
        self.settled = NOON

    @initialize(index=STARTS)
    def start(self, index: tuple[IndexRow, ...]) -> None:
        """Some are there, and orders to all of them."""
        self.post(LETTERS)
        self.append(
            [
                Drawn(Submission(it.execution_id, it.shard, 0, [charged(0)], it), 0, [])
                for it in index[:-1]
            ]
        )

    @rule(batch=BATCHES)
    def append(self, batch: list[Drawn]) -> None:
        versions = {name: len(self.model.log.streams.get(name, ())) for name in NAMES}
        opened = [*self.model.log.mailbox.open.values()]
        submissions = []
        for drawn in batch:
            name, events = drawn.submission.execution_id, drawn.submission.events
            expected = max(0, versions[name] + drawn.offset)
            versions[name] = expected + len(events)
            settles = [found for each in drawn.settles if (found := self.settlement(each, opened))]
            submissions.append(replace(drawn.submission, expected=expected, settles=settles))
        model = self.system.run(answer(self.model, submissions))
        assert self.system.run(answer(self.system.journal, submissions)) == model
        self.look()

    @rule(batch=BATCHES)
    def append_more(self, batch: list[Drawn]) -> None:
        """As often again."""
        self.append(batch)

    def settlement(self, number: int, opened: list[Envelope]) -> Settlement | None:
        """Of one that is open, each once; ANY_ONE may be open, settled, forgotten or both."""
        if number != ANY_ONE and not opened:
            return None
        self.settled += 1
        any_one = LETTERS[self.settled % len(LETTERS)]
        posted = any_one if number == ANY_ONE else opened.pop(number % len(opened))
        return settlement(posted, f'{{"at":{self.settled}}}'.encode(), settled=self.settled)

    @rule(letters=st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3))
    def post(self, letters: list[Envelope]) -> None:
        self.system.run(self.model_office.post(letters))
        self.system.run(self.system.office.post(letters))

    @rule(limit=st.integers(1, 4), again=st.booleans())
    def envelopes(self, limit: int, again: bool) -> None:
        """The next page, or the first one again."""
        model_after, after = (0, 0) if again else self.read_to
        model = self.system.run(self.model.envelopes(model_after, limit))
        found = self.system.run(self.system.journal.envelopes(after, limit))
        assert letters_of(found) == letters_of(model)
        if found:
            self.read_to = model[-1].arrival, found[-1].arrival

    @rule()
    def ask(self) -> None:
        """As clients do, for replies and for what is before them."""
        model = self.system.run(self.model_office.replies(LETTERS))
        assert self.system.run(self.system.office.replies(LETTERS)) == model
        for name in NAMES:
            waiting = self.system.run(self.model_office.waiting(name))
            found = self.system.run(self.system.office.waiting(name))
            assert letters_of(found) == letters_of(waiting)

    @rule(ago=st.integers(-1, 3))
    def forget(self, ago: int) -> None:
        model = self.system.run(self.model.forget(self.settled - ago))
        assert self.system.run(self.system.journal.forget(self.settled - ago)) == model

    @rule(scans=st.lists(SCANS, min_size=1, max_size=4))
    def find(self, scans: list[Scan]) -> None:
        """What is drawn, and in each order the whole index, whether begun or not."""
        for scan in scans:
            model = self.system.run(self.model.scan(scan))
            assert self.system.run(self.system.journal.scan(scan)) == model
            self.check_pages(scan)
        for order in ORDERS:
            for begun in (None, True, False):
                self.check_pages(replace(order, begun=begun, limit=scans[0].limit))

    def check_pages(self, scan: Scan) -> None:
        """Page after page there is what one large page has."""
        found: list[IndexRow] = []
        after = None
        for _ in range(len(NAMES) + 1):
            page = self.system.run(self.system.journal.scan(replace(scan, after=after)))
            if not page:
                break
            found += page
            last = page[-1]
            after = (last.started if scan.everything else last.due or 0, last.execution_id)
        whole = replace(scan, after=None, limit=len(NAMES) + 1)
        assert found == self.system.run(self.model.scan(whole))

    @rule(rarely=st.integers(0, 19))
    def open_again(self, rarely: int) -> None:
        if rarely:
            return  # it takes as long as a hundred calls
        self.system.close()
        self.system.open()
        self.read_to = (0, 0)
        self.look()

    def look(self) -> None:
        run, system = self.system.run, self.system
        for port in (system.journal, system.office):
            assert run(port.read(NAMES)) == run(self.model.read(NAMES))
            assert run(port.rows(NAMES)) == run(self.model.rows(NAMES))

    def teardown(self) -> None:
        """The order of all events is that of their commits, shard by shard; nothing has a gap."""
        stored = self.system.positions()
        for shard in {each[0] for each in stored}:
            of_shard = [each for each in stored if each[0] == shard]
            names = [(name, version) for _, _, name, version in of_shard]
            model = [(it.execution_id, it.version) for it in self.model.log.events]
            assert names == [each for each in model if shard_of(each[0]) == shard]
            places = [place for _, place, _, _ in of_shard]
            whole = [*range(places[0], places[0] + len(places))]
            assert places == (whole if self.system.gapless else sorted(set(places)))


def check_ports(system: System, how: settings) -> None:
    run_state_machine_as_test(lambda: Ports(system), settings=how)


async def answer(journal: Journal, submissions: Sequence[Submission]) -> object:
    try:
        return list(await journal.append(submissions))
    except VersionConflict as conflict:
        return conflict.execution_id, conflict.expected


def letters_of(found: Sequence[Envelope]) -> list[Envelope]:
    """Without arrivals, which rise and are a journal's own."""
    arrivals = [each.arrival for each in found]
    assert arrivals == sorted(set(arrivals))
    return [replace(each, arrival=0) for each in found]
