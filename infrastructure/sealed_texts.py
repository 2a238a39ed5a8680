"""Texts sealed for their places: orders and replies of the mailbox, reasons of the index; and back.

What is kept in columns of text, while bodies of events are stream's matter. Sealing is sealing's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from perdure.domain.errors import Undecodable
from perdure.domain.journal import IndexRow
from perdure.domain.mailbox import Envelope, Settlement, encoded, refusal
from perdure.infrastructure.sealing import NoSuchKey, Seal, Sealer, Unsealing


def sealed_envelopes(envelopes: Iterable[Envelope], sealer: Sealer) -> list[Envelope]:
    """As they are posted. Raises BadKeys."""
    seal = sealer.seal()
    if seal is None:
        return list(envelopes)
    return [replace(each, body=seal.text(each.body, place_of_order(each))) for each in envelopes]


def opened_envelopes(envelopes: Iterable[Envelope], sealer: Sealer) -> list[Envelope]:
    """As they are carried out; those that cannot be opened say why."""
    unsealing = Unsealing(sealer)
    return [opened_envelope(each, unsealing) for each in envelopes]


def opened_envelope(envelope: Envelope, unsealing: Unsealing) -> Envelope:
    try:
        return replace(envelope, body=unsealing.text(envelope.body, place_of_order(envelope)))
    except NoSuchKey as error:
        return replace(envelope, unreadable=str(error), stays_open=True)
    except ValueError as error:
        return replace(envelope, unreadable=str(error))


def sealed_settlement(settlement: Settlement, seal: Seal) -> Settlement:
    reply = seal.text(settlement.reply, place_of_reply(settlement.envelope_id))
    return replace(settlement, reply=reply)


def opened_replies(
    replies: Mapping[str, bytes], envelopes: Iterable[Envelope], sealer: Sealer
) -> dict[str, bytes]:
    """By envelope id. One that cannot be opened is a refusal that says why."""
    unsealing, found = Unsealing(sealer), {}
    for envelope in envelopes:
        reply = replies.get(envelope.id)
        if reply is None:
            continue
        try:
            found[envelope.id] = unsealing.text(reply, place_of_reply(envelope.id))
        except ValueError as error:
            what = f"the reply to the order to {envelope.kind}"
            unreadable = Undecodable(envelope.execution_id, what, str(error))
            found[envelope.id] = encoded(refusal(unreadable))
    return found


def sealed_index(row: IndexRow, seal: Seal) -> IndexRow:
    """One that has a reason."""
    reason = seal.text(row.reason.encode(), place_of_reason(row.execution_id))
    return replace(row, reason=reason.decode())


def opened_rows(rows: Iterable[IndexRow], sealer: Sealer) -> list[IndexRow]:
    """With their reasons. What cannot be opened says why in place of its own."""
    unsealing = Unsealing(sealer)
    return [opened_index(row, unsealing) for row in rows]


def opened_index(row: IndexRow, unsealing: Unsealing) -> IndexRow:
    if not row.reason.startswith("sealed:"):
        return row
    try:
        reason = unsealing.text(row.reason.encode(), place_of_reason(row.execution_id)).decode()
    except ValueError as error:
        reason = f"(the reason cannot be read: {error})"
    return replace(row, reason=reason)


def place_of_order(envelope: Envelope) -> str:
    return f"order\0{envelope.id}\0{envelope.execution_id}\0{envelope.kind}"


def place_of_reply(envelope_id: str) -> str:
    return f"reply\0{envelope_id}"


def place_of_reason(execution_id: str) -> str:
    return f"reason\0{execution_id}"
