"""Writes docs/reference anew from the docstrings of the code: `python -m tools.reference`.

Errors, events, states and settings say in the code what they are; the pages only arrange it. The
limits stand here in words, with their figures from the code. A test tells when a page is stale.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

import perdure
from perdure.domain import errors as domain_errors
from perdure.domain import events, identity, journal, states
from perdure.sagas import errors as saga_errors
from perdure.sagas import loop, outcomes, payload
from perdure.sagas.settings import EngineSettings

FOLDER = Path(__file__).parents[1] / "docs/reference"
NOTE = "<!-- Written by `python -m tools.reference` from the code; change it there. -->"


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    makers: list[Callable[[], Iterator[str]]] = [
        errors_page,
        events_page,
        states_page,
        settings_page,
        limits_page,
    ]
    return {
        f"{make.__name__.removesuffix('_page')}.md": "\n".join([NOTE, "", *make()]) + "\n"
        for make in makers
    }


def errors_page() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield "Errors marked with * are importable from `perdure`, the others from the module named."
    for module in (domain_errors, saga_errors):
        yield from ["", f"## {module.__name__}", "", *tree_of(module), ""]
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                star = " *" if kind.__name__ in perdure.__all__ else ""
                yield from (f"### {kind.__name__}{star}", "", told(kind), "")


def tree_of(module: Any) -> list[str]:
    lines = (inspect.getdoc(module) or "").splitlines()
    first = lines.index(next(line for line in lines if "PerdureError" in line and line[0] == " "))
    drawn = [line for line in lines[first:] if line.startswith(" ")]
    return ["```text", *(line.removeprefix("    ") for line in drawn), "```"]


def events_page() -> Iterator[str]:
    yield "# Events"
    yield ""
    yield told(events)
    yield ""
    yield "`Handle.history()` and `perdure show --json` show them flat, payloads as JSON values."
    for name, kind in events.TOPICS.items():
        yield from ["", f"## {name}", ""]
        if own_doc(kind):
            yield from [told(kind), ""]
        fields = [field for field in msgspec.structs.fields(kind) if field.name != "time"]
        yield from [f"- `{field.name}`: `{type_text(field.type)}`" for field in fields]
    yield from ["", "# What events carry"]
    for part in (events.RecordedError, events.RecordedFailure, events.End, events.Undo):
        yield from ["", f"## {part.__name__}", "", told(part), ""]
        for field in msgspec.structs.fields(part):
            yield f"- `{field.name}`: `{type_text(field.type)}`"


def states_page() -> Iterator[str]:
    yield "# States"
    yield ""
    yield "What `Handle.status()` gives, from `perdure.domain.states`. The command line and the"
    yield "index say the word. A waiting execution is running in the index; of those `perdure list`"
    yield "calls waiting what has not begun: a start for later, or for which there is no room yet."
    yield ""
    yield "| word | class | meaning | fields |"
    yield "|---|---|---|---|"
    for kind in get_args(states.State):
        fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))
        meaning = told(kind).replace("\n", " ")
        yield f"| {states.WORDS[kind]} | `{kind.__name__}` | {meaning} | {fields} |"


def settings_page() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "`open_engine(url, workflows, settings=EngineSettings(...))`."
    yield ""
    yield told(EngineSettings)
    yield ""
    yield "| setting | default |"
    yield "|---|---|"
    for field in dataclasses.fields(EngineSettings):
        default = field.default
        yield f"| `{field.name}` | {f'{default:,}' if type(default) is int else default} |"


def limits_page() -> Iterator[str]:
    yield "# Limits"
    yield ""
    yield "| what | limit | beyond it |"
    yield "|---|---|---|"
    size = payload.PAYLOAD_LIMIT_BYTES // 1024 // 1024
    yield f"| an encoded request, or the arguments of a call | {size} MB | `PayloadTooLarge` |"
    yield f"| an encoded result or failure of an activity | {size} MB | suspended |"
    requests = f"{loop.FEED_REQUESTS_LIMIT:,} activities and timers"
    yield f"| what a body asks for at once | {requests} | `TooManyBranches`, blocked |"
    steps = f"{loop.FEED_STEPS_LIMIT:,} steps of its loop"
    yield f"| a body between two waits | {steps} | `BodyDoesNotRest`, blocked |"
    yield f"| a key | {identity.KEY_LENGTH_LIMIT} printable characters | `BadIdentity` |"
    yield "| a name | 64 letters, digits, `_`, `.`, `-` | `DeclarationError` |"
    texts = f"{outcomes.TEXT_LIMIT:,} characters"
    yield f"| the recorded text of an error | {texts} | cut |"
    traces = f"{outcomes.TRACEBACK_LIMIT:,} characters"
    yield f"| a recorded traceback | {traces} | cut, the end is kept |"
    flush_size = journal.FLUSH_BYTES_LIMIT // 1024 // 1024
    joined = f"{journal.FLUSH_EVENTS_LIMIT:,} events, or {flush_size} MB of payloads"
    yield f"| what one commit joins | {joined} | the rest goes into the next commit |"
    yield "| engines on one SQLite file | 1 | `JournalInUse` |"
    yield "| events of one execution | none yet | long histories take long to replay |"


def own_doc(kind: type) -> bool:
    """msgspec gives a class without a docstring none; dataclasses would make one up."""
    return bool(kind.__dict__.get("__doc__"))


def told(thing: Any) -> str:
    """Its docstring without examples, in lines as they are."""
    text = inspect.getdoc(thing) or ""
    return "\n".join(
        line for line in text.splitlines() if not line.startswith((">>>", "..."))
    ).strip()


def type_text(annotation: Any) -> str:
    if annotation is msgspec.Raw:
        return "JSON"
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return re.sub(r"\b(?:typing|perdure\.domain\.events|msgspec)\.", "", str(annotation))


def main() -> None:
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
