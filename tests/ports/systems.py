"""Journals under test side by side: memory as the model, a file and a server as what has to agree.

Each is opened once and emptied between two stories. What is done to all of them is done on one
loop, at the same time. The stories are told by `journals.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from perdure.domain.errors import VersionConflict
from perdure.domain.journal import Journal
from perdure.domain.post_office import PostOffice
from perdure.infrastructure.journals import open_journal
from tests.journals.stores import Store

T = TypeVar("T")
LEASE_SECONDS = 600.0


@dataclass
class System:
    """One journal, as its owner has it and as a client has it."""

    store: Store
    journal: Journal
    office: PostOffice
    arrivals: dict[str, int] = field(default_factory=dict)  # of envelopes that were handed out

    @classmethod
    async def on(cls, store: Store) -> "System":
        return cls(store, await opened(store), await store.post_office())

    async def open_again(self) -> None:
        """What is stored is all that is left."""
        await self.close()
        self.journal = await opened(self.store)
        self.office = await self.store.post_office()

    async def close(self) -> None:
        await self.journal.close()
        await self.office.close()

    def empty(self) -> None:
        """For the next story; positions and arrivals go on from where they are."""
        self.arrivals.clear()
        self.store.empty()


@dataclass
class Systems:
    """`ask` does the same to all, and returns what the model said once all have said it."""

    runner: asyncio.Runner
    model: System
    others: list[System]

    def each(self) -> list[System]:
        return [self.model, *self.others]

    def ask(self, question: Callable[[System], Awaitable[T]]) -> T | VersionConflict:
        async def together() -> list[T | VersionConflict]:
            return await asyncio.gather(*(answer(question(each)) for each in self.each()))

        model, *others = self.runner.run(together())
        for system, said in zip(self.others, others, strict=True):
            assert shown(said) == shown(model), f"{system.store.url} differs from memory"
        return model

    def do(self, deed: Callable[[System], Awaitable[None]]) -> None:
        """The same to all, of which nothing is told."""

        async def together() -> None:
            await asyncio.gather(*(deed(each) for each in self.each()))

        self.runner.run(together())

    def close(self) -> None:
        self.do(System.close)
        for each in self.each():
            each.store.close()


async def opened(store: Store) -> Journal:
    """Nobody else wants its lease, however long a story stands still."""
    return await open_journal(store.url, lease_seconds=LEASE_SECONDS)


async def answer(question: Awaitable[T]) -> T | VersionConflict:
    """What was answered; a conflict is an answer."""
    try:
        return await question
    except VersionConflict as conflict:
        return conflict


def shown(said: Any) -> Any:
    """As it can be compared."""
    return (said.execution_id, said.expected) if isinstance(said, VersionConflict) else said
