"""Names as identity: what a definition is recorded as, and under which older names it is found."""

from collections.abc import Iterable
from typing import Protocol

from perdure.domain.errors import BadIdentity
from perdure.domain.identity import check_name
from perdure.sagas.errors import DeclarationError, DuplicateName


class Definition(Protocol):
    """What a stream can name: an activity or a workflow."""

    @property
    def name(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def subject(self) -> str: ...
    @property
    def where(self) -> str: ...


def check_distinct(definitions: Iterable[Definition]) -> None:
    """DuplicateName when two of them answer to one name; the same object twice is fine."""
    owners: dict[str, Definition] = {}
    for one in definitions:
        for name in (one.name, *one.aliases):
            other = owners.setdefault(name, one)
            if other is not one:
                raise DuplicateName(
                    one.subject,
                    one.where,
                    f"the name {name!r} is taken by {other.subject} ({other.where})",
                    "rename one of them, or give it a name of its own with name=...",
                )


def checked_names(
    kind: str, where: str, name: object, aliases: Iterable[str]
) -> tuple[str, tuple[str, ...]]:
    """The name and aliases of a declaration if they can be such; DeclarationError otherwise."""
    subject = f"{kind} {name!r}"
    if isinstance(aliases, str):
        raise DeclarationError(
            subject, where, f"aliases={aliases!r} is a text", f"write aliases=[{aliases!r}]"
        )
    listed = tuple(aliases)
    for one in (name, *listed):
        if not isinstance(one, str):
            raise DeclarationError(
                subject, where, f"{one!r} is no name", "give names and aliases as texts"
            )
        try:
            check_name(kind, one)
        except BadIdentity as error:
            problem = "its name cannot be recorded" if one == name else "an alias cannot be one"
            raise DeclarationError(subject, where, problem, str(error)) from error
    assert isinstance(name, str)
    if name in listed:
        raise DeclarationError(
            subject, where, "the name is among its own aliases", "list only its earlier names"
        )
    if len(set(listed)) < len(listed):
        raise DeclarationError(subject, where, "an alias is listed twice", "list each one once")
    return name, listed
