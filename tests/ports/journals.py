"""Stories of a journal: what owner and clients do in any order, told to memory and to the others.

Whatever can be seen is compared at once: answers, conflicts, streams, rows, pages, envelopes and
replies; at the end where each event lies. It refuses no story: what an engine would never ask for
has to end alike too. `systems.py` holds the journals, `drafts.py` what is appended.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from perdure.domain.errors import Undecodable, VersionConflict
from perdure.domain.journal import STATES, IndexRow, Scan, Submission
from perdure.domain.mailbox import KINDS, Envelope, Settlement
from tests.journals.envelopes import envelope
from tests.journals.submissions import NOON, row
from tests.ports.drafts import DRAFTS, NAMES, SCANS, Draft, events_of
from tests.ports.systems import System, Systems

PAGES = 20
HAPPENS = (
    *("an append", "a refused start", "a conflict", "a conflict over an envelope"),
    *("a post", "a post of the same again", "a page of envelopes"),
    *("somebody waits for an envelope", "a settlement", "a reply", "a settled one is forgotten"),
    *("a page of executions", "a second page"),
)
ENVELOPES = [f"e{number}" for number in range(8)]
EXECUTION_OF = {name: NAMES[number % len(NAMES)] for number, name in enumerate(ENVELOPES)}


class JournalStory(RuleBasedStateMachine):
    """The journal with its index, mailbox and post office."""

    def __init__(self, systems: Systems, happened: Counter[str]) -> None:
        super().__init__()
        self.happened = happened
        self.systems = systems
        self.versions: dict[str, int] = {}
        self.posted: dict[str, Envelope] = {}
        self.settled: set[str] = set()
        self.handed_out: list[str] = []
        self.was_closed = False
        for system in systems.each():
            system.empty()
        self.tell_all_envelopes(limit=512)  # nothing of the story before is remembered

    @rule(drafts=st.lists(DRAFTS, min_size=1, max_size=4))
    def append(self, drafts: list[Draft]) -> None:
        """One flush: starts, steps, changes of the index, settlements; some of them wrong."""
        versions, batch = dict(self.versions), []
        open_ones = [each for each in self.posted if each not in self.settled]
        for draft in drafts:
            batch.append(self.submission(draft, versions, open_ones))
        told = self.systems.ask(lambda it: it.journal.append(batch))
        if isinstance(told, VersionConflict):
            self.happened["a conflict"] += 1
            self.happened["a conflict over an envelope"] += any(each.settles for each in batch)
            return
        for each, stored in zip(batch, told, strict=True):
            self.happened["an append" if stored else "a refused start"] += 1
            if stored:
                self.settled.update(it.envelope_id for it in each.settles)
                self.happened["a settlement"] += len(each.settles)
            if stored and each.events:
                self.versions[each.execution_id] = each.expected + len(each.events)

    def submission(
        self, draft: Draft, versions: dict[str, int], open_ones: list[str]
    ) -> Submission:
        """What a draft means here: `off` is by how much it takes its stream for longer."""
        name, index = draft.execution_id, None
        known = versions.get(name, 0)
        expected = 0 if draft.starts else max(-1, known + draft.off)
        if draft.index is not None:
            index = row(name, **draft.index)
        events = events_of(draft.events, expected)
        if events and expected == known:
            versions[name] = known + len(events)
        settles = []
        for number, settled in draft.settles:
            envelopes = (open_ones if draft.off == 0 else None) or ENVELOPES
            envelope_id = envelopes[number % len(envelopes)]
            if envelopes is open_ones:
                open_ones.remove(envelope_id)
            shard = self.envelope(envelope_id).shard
            settles.append(Settlement(envelope_id, shard, NOON + settled, b'{"type":"taken"}'))
        return Submission(name, row(name).shard, expected, events, index, settles)

    def envelope(self, name: str, kind: str = "cancel") -> Envelope:
        return self.posted.get(name) or envelope(name, EXECUTION_OF[name], kind)

    @rule(
        names=st.lists(st.sampled_from(ENVELOPES), min_size=1, max_size=3),
        kind=st.sampled_from(KINDS),
        body=st.sampled_from([b"{}", b'{"reason":"caf\xc3\xa9"}']),
    )
    def post(self, names: list[str], kind: str, body: bytes) -> None:
        """Some for the first time, some again, with another body perhaps."""
        envelopes = [replace(self.envelope(name, kind), body=body) for name in names]
        self.happened["a post"] += 1
        self.happened["a post of the same again"] += any(name in self.posted for name in names)
        self.systems.ask(lambda it: it.office.post(envelopes))
        for each in envelopes:
            self.posted.setdefault(each.id, each)

    @rule(limit=st.integers(1, 4))
    def tell_all_envelopes(self, limit: int) -> None:
        """As an owner that begins, from the first."""
        self.handed_out = []
        self.tell_envelopes(None, limit)

    @precondition(lambda self: self.handed_out)
    @rule(place=st.integers(0, 7), limit=st.integers(1, 4))
    def tell_later_envelopes(self, place: int, limit: int) -> None:
        """As an owner that goes on behind one that it was given."""
        self.tell_envelopes(self.handed_out[-1 - place % len(self.handed_out)], limit)

    def tell_envelopes(self, after: str | None, limit: int) -> None:
        async def page(system: System) -> list[Envelope]:
            arrival = 0 if after is None else system.arrivals[after]
            found = await system.journal.envelopes(arrival, limit)
            return without_arrivals(system, found)

        told = self.systems.ask(page)
        assert not isinstance(told, VersionConflict)
        self.happened["a page of envelopes"] += bool(told)
        self.handed_out += [each.id for each in told if each.id not in self.handed_out]

    @rule(execution_id=st.sampled_from(NAMES))
    def tell_what_waits(self, execution_id: str) -> None:
        """To a client, before anybody has settled it."""

        async def waiting(system: System) -> list[Envelope]:
            return without_arrivals(system, await system.office.waiting(execution_id))

        told = self.systems.ask(waiting)
        self.happened["somebody waits for an envelope"] += bool(told)

    @rule(before=st.integers(NOON, NOON + 4))
    def forget(self, before: int) -> None:
        """What was settled earlier; the same ids may come anew after it."""

        async def forgotten(system: System) -> tuple[int, int]:
            return await system.journal.forget(before), await system.journal.forget(before)

        told = self.systems.ask(forgotten)
        assert not isinstance(told, VersionConflict)
        assert told[1] == 0
        self.happened["a settled one is forgotten"] += told[0]

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=3), by_owner=st.booleans())
    def read(self, names: list[str], by_owner: bool) -> None:
        """Streams and rows, by owner or client."""
        self.systems.ask(lambda it: seen(it, names, by_owner=by_owner))

    @rule(scan=SCANS)
    def scan(self, scan: Scan) -> None:
        """Executions that are due, or that somebody asks for."""
        found = self.systems.ask(lambda it: pages(it, scan))
        assert isinstance(found, list)
        self.happened["a page of executions"] += bool(found)
        self.happened["a second page"] += len(found) > scan.limit

    @precondition(lambda self: not self.was_closed)
    @rule()
    def close_and_open(self) -> None:
        """Once a story, since to open takes as long as all else in it."""
        self.was_closed = True
        self.handed_out = []
        self.systems.do(System.open_again)

    def everything(self) -> None:
        """The one story that is known before, in which all of HAPPENS does."""
        first, second, third = NAMES[:3]
        index = {"due": NOON, "started": NOON, "tags": {"customer": "Ada"}}
        begin = [Draft(name, True, 0, 1, index, []) for name in (first, second)]
        self.append([*begin, begin[0]])
        self.append([Draft(third, True, 0, 2, index, []), Draft(first, False, 1, 1, None, [])])
        idle = Draft(third, True, 0, 1, index | {"due": None}, [])
        self.append([idle])
        self.append([Draft(third, False, 0, 0, index | {"reason": "told"}, []), idle])
        self.read([third], by_owner=True)
        self.append([Draft(third, False, 0, 0, index | {"due": None}, [])])
        for scan in (Scan(due_until=NOON, limit=1), Scan(begun=True)):
            self.scan(scan)
        self.post(["e0", "e1"], "cancel", b"{}")
        self.post(["e0", "e2"], "resume", b'{"reason":"again"}')
        self.tell_all_envelopes(limit=1)
        self.tell_later_envelopes(0, limit=2)
        self.tell_what_waits(first)
        settling = Draft(first, False, 0, 1, {"state": "stuck"}, [(0, 0), (0, 3)])
        self.append([settling])
        self.append([replace(settling, off=1), Draft(third, True, 0, 2, index, [])])
        again = Draft(first, False, 0, 0, None, [(0, 0)])
        self.append([again])
        self.append([again])  # nothing is open any more: of one that is settled
        self.forget(NOON + 1)
        self.read([first, third], by_owner=False)
        for scan in (Scan(due_until=NOON, limit=1), Scan(states=STATES, everything=True, limit=1)):
            self.scan(scan)
        self.close_and_open()
        self.teardown()

    def teardown(self) -> None:
        self.systems.ask(lambda it: seen(it, NAMES, by_owner=True))
        known = [self.envelope(name) for name in ENVELOPES]
        told = self.systems.ask(lambda it: it.office.replies(known))
        self.happened["a reply"] += bool(told)
        self.tell_all_envelopes(limit=512)
        check_orders(self.systems)


async def seen(system: System, names: Sequence[str], *, by_owner: bool) -> Any:
    side = system.journal if by_owner else system.office
    streams = await side.read(names)
    told = {n: str(it) if isinstance(it, Undecodable) else it for n, it in streams.items()}
    return told, await side.rows(names)


async def pages(system: System, scan: Scan) -> list[IndexRow]:
    """One from anywhere, then all, each from where the one before ended."""
    found = [*await system.journal.scan(scan)]
    scan = replace(scan, after=None)
    for _ in range(PAGES):
        page = await system.journal.scan(scan)
        found += page
        if len(page) < scan.limit:
            return found
        last = page[-1]
        first = last.started if scan.everything else last.due or 0
        scan = replace(scan, after=(first, last.execution_id))
    raise AssertionError(f"{system.store.url}: its pages do not end")


def without_arrivals(system: System, found: Sequence[Envelope]) -> list[Envelope]:
    """Each journal gives its own, rising; what is handed out again has what it had."""
    arrivals = [each.arrival for each in found]
    assert arrivals == sorted(set(arrivals))
    for each in found:
        system.arrivals[each.id] = each.arrival
    return [replace(each, arrival=0) for each in found]


def check_orders(systems: Systems) -> None:
    """Versions without gaps, and each shard in the order in which memory stored it."""
    expected = [(shard, *event) for shard, _, *event in systems.model.store.order()]
    for system in systems.others:
        order = system.store.order()
        assert [(shard, *event) for shard, _, *event in order] == expected
        versions: dict[str, int] = {}
        for _, _, name, version in order:
            assert version == versions.get(name, min(version, 1) - 1) + 1, f"a gap in {name}"
            versions[name] = version
        if system.store.waits:  # a server, whose positions have no gaps
            for (shard, position, *_), (following, after, *_) in pairwise(order):
                assert following != shard or after == position + 1
