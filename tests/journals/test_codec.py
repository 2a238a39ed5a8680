"""Events go through bytes and come back as they were."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from perdure.domain import events
from perdure.infrastructure import codec
from tests.journals.submissions import NOON

ERROR = events.RecordedError(type="shop.Timeout", text="no answer", traceback="Traceback ...")
FAILURE = events.RecordedFailure(name="OutOfStock", data=Raw(b'{"sku":"7"}'), text="out of stock")
END = events.End(kind="failed", failure=FAILURE, also=(FAILURE,), reason="told")
UNDO = events.Undo(undoes=1, activity="charge", compensation="refund", outcome="unknown")
SAMPLES: dict[object, object] = {
    bool: True,
    int: 3,
    str: "text",
    Raw: Raw(b'{"amount":"1.50"}'),
    events.RecordedError: ERROR,
    events.RecordedFailure: FAILURE,
    events.End: END,
    tuple[events.Undo, ...]: (UNDO,),
    tuple[str, ...]: ("charge",),
    dict[str, str]: {"customer": "c-1"},
}


def full(kind: type[events.Event]) -> events.Event:
    """An event of this kind with all of its fields set."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        wanted = field.type
        options = getattr(wanted, "__args__", ())
        if wanted in SAMPLES:
            values[field.name] = SAMPLES[wanted]
        else:
            values[field.name] = next(
                SAMPLES.get(option, option) for option in options if option is not type(None)
            )
    return kind(**values)


@pytest.mark.parametrize("topic", events.TOPICS)
def test_every_event_survives_with_all_its_fields(topic: str) -> None:
    event = full(events.TOPICS[topic])
    found, body = codec.encode(event)
    assert found == topic
    assert codec.decode(found, body) == event


def test_a_payload_is_kept_to_the_letter() -> None:
    payload = b'{"b": 1.0, "a":\t[1e400, 12345678901234567890123, "\\u00e9"]}'
    event = events.ExecutionSucceeded(time=NOON, result=Raw(payload))
    decoded = codec.decode(*codec.encode(event))
    assert isinstance(decoded, events.ExecutionSucceeded)
    assert bytes(decoded.result) == payload


def test_an_unknown_topic_is_named() -> None:
    with pytest.raises(codec.UnknownTopic, match="CoffeeBrewed"):
        codec.decode("CoffeeBrewed", b"{}")


def test_errors_with_names_of_files_in_them_can_be_recorded() -> None:
    error = events.RecordedError(type="OSError", text="no such file: caf\udce9", traceback="\udcff")
    event = events.AttemptFailed(time=NOON, ordinal=1, attempt=2, kind="defect", error=error)
    decoded = codec.decode(*codec.encode(event))
    assert isinstance(decoded, events.AttemptFailed)
    assert decoded.error.text == "no such file: caf\\udce9"
    assert (decoded.attempt, decoded.due) == (2, None)
