"""What clients of the example domain post, and how an owner settles it."""

from perdure.domain.identity import shard_of
from perdure.domain.journal import Submission
from perdure.domain.mailbox import Envelope, Settlement
from tests.journals.submissions import NOON


def envelope(name: str, execution_id: str, kind: str = "cancel") -> Envelope:
    shard = shard_of(execution_id)
    return Envelope(name, shard, execution_id, kind, b'{"reason":"caf\xc3\xa9"}', NOON)


def settlement(posted: Envelope, reply: bytes = b'{"type":"taken"}', **at: int) -> Settlement:
    return Settlement(posted.id, posted.shard, at.get("settled", NOON + 1), reply)


def settling(*posted: Envelope) -> Submission:
    """A submission that does nothing else."""
    first = posted[0]
    settles = [settlement(each) for each in posted]
    return Submission(first.execution_id, first.shard, -1, [], None, settles)
