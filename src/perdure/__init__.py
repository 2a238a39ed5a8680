"""Perdure: durable workflows and sagas in plain async Python, on an ordered journal per execution.

The names that users write with; what they mean stands where they are defined.
"""

from perdure import blocking
from perdure.domain.errors import (
    BadIdentity,
    BodyDoesNotRest,
    Busy,
    CancelledExecution,
    ClientClosed,
    DifferentRequest,
    EngineStopped,
    ExecutionParked,
    ForbiddenInBody,
    JournalInUse,
    JournalUnavailable,
    LostLease,
    NonDeterministicWorkflow,
    NotAJournal,
    OrderRefused,
    PayloadTooLarge,
    PerdureError,
    RetriesExhausted,
    TooManyBranches,
    Undecodable,
    UnknownCode,
    UnknownExecution,
    WorkflowDefect,
)
from perdure.domain.refusals import CannotCancel, CannotResolve
from perdure.domain.retry import Retry
from perdure.infrastructure.composition import connect, open_engine
from perdure.infrastructure.errors import BadKeys, ForeignTransaction, NoKeys
from perdure.infrastructure.keys import KeyFile, KeyRing, Keys
from perdure.sagas.activity import Activity, activity
from perdure.sagas.client import Client
from perdure.sagas.compensation import Compensation
from perdure.sagas.context import ActivityContext, current_activity
from perdure.sagas.engine import WorkflowEngine
from perdure.sagas.errors import DeclarationError, PayloadError
from perdure.sagas.failure import Failure
from perdure.sagas.handle import Handle
from perdure.sagas.history import HistoryEvent
from perdure.sagas.logs import is_replaying, logger
from perdure.sagas.primitives import now, random, suspend, time_left, uuid4, version
from perdure.sagas.probe import Done, NotDone, Unknown, Verify, verify
from perdure.sagas.resolving import PlannedUndo
from perdure.sagas.settings import EngineSettings
from perdure.sagas.workflow import Workflow, workflow

__version__ = "0.1.0.dev0"

__all__ = [
    "Activity",
    "ActivityContext",
    "BadIdentity",
    "BadKeys",
    "BodyDoesNotRest",
    "Busy",
    "CancelledExecution",
    "CannotCancel",
    "CannotResolve",
    "Client",
    "ClientClosed",
    "Compensation",
    "DeclarationError",
    "DifferentRequest",
    "Done",
    "EngineSettings",
    "EngineStopped",
    "ExecutionParked",
    "Failure",
    "ForbiddenInBody",
    "ForeignTransaction",
    "Handle",
    "HistoryEvent",
    "JournalInUse",
    "JournalUnavailable",
    "KeyFile",
    "KeyRing",
    "Keys",
    "LostLease",
    "NoKeys",
    "NonDeterministicWorkflow",
    "NotAJournal",
    "NotDone",
    "OrderRefused",
    "PayloadError",
    "PayloadTooLarge",
    "PerdureError",
    "PlannedUndo",
    "RetriesExhausted",
    "Retry",
    "TooManyBranches",
    "Undecodable",
    "Unknown",
    "UnknownCode",
    "UnknownExecution",
    "Verify",
    "Workflow",
    "WorkflowDefect",
    "WorkflowEngine",
    "__version__",
    "activity",
    "blocking",
    "connect",
    "current_activity",
    "is_replaying",
    "logger",
    "now",
    "open_engine",
    "random",
    "suspend",
    "time_left",
    "uuid4",
    "verify",
    "version",
    "workflow",
]
