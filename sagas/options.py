"""The options that declarations share, checked: failures, retries, timeouts, choices."""

import math
from collections.abc import Iterable
from typing import Any

from perdure.domain.retry import Retry
from perdure.sagas.errors import UnsupportedType
from perdure.sagas.failure import Failure
from perdure.sagas.payload import PayloadType, type_text
from perdure.sagas.signature import Signature


def checked_raises(signature: Signature, raises: Iterable[Any]) -> tuple[type[Failure], ...]:
    """The declared failures: subclasses of Failure that can be stored, each name once."""
    listed = _listed(signature, "raises", raises)
    names: dict[str, type[Failure]] = {}
    for one in listed:
        if not (isinstance(one, type) and issubclass(one, Failure)):
            raise signature.refuse(
                f"raises has {_told(one)}, which is no subclass of Failure",
                "derive it from perdure.Failure; what is not declared counts as a defect",
            )
        other = names.setdefault(one.failure_name, one)
        if other is not one:
            raise signature.refuse(
                f"raises has two classes that are recorded as {one.failure_name!r} "
                f"({other.__module__} and {one.__module__})",
                "give one a name of its own: class ...(Failure, name=...)",
            )
        if one is not Failure:
            try:
                PayloadType(one, f"failure {one.failure_name!r}")
            except UnsupportedType as error:
                raise signature.refuse(
                    f"failure {type_text(one)} cannot be stored: {error.reason}",
                    "use fields that pydantic carries through JSON",
                ) from error
    return listed


def checked_non_retryable(
    signature: Signature, listed: Iterable[Any]
) -> tuple[type[BaseException], ...]:
    """Exception classes after which no further attempt is made."""
    kinds = _listed(signature, "non_retryable", listed)
    for one in kinds:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise signature.refuse(
                f"non_retryable has {_told(one)}, which is no exception class",
                "list classes, such as non_retryable=[ValueError]",
            )
        if issubclass(one, Failure):
            raise signature.refuse(
                f"non_retryable has the failure {type_text(one)}",
                "list it in raises=[...]: declared failures are never retried",
            )
    return kinds


def checked_retry(signature: Signature, retry: Any) -> Retry:
    if not isinstance(retry, Retry):
        raise signature.refuse(
            f"retry={retry!r} is no retry policy",
            "write Retry.exponential(...), Retry.fixed(seconds) or Retry.never()",
        )
    return retry


def checked_timeout(signature: Signature, timeout: Any, option: str = "timeout") -> float | None:
    """Seconds for each attempt, or for all of a workflow; None for no limit."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise signature.refuse(
            f"{option}={timeout!r} is no number", "give the seconds, or None for no limit"
        )
    if not 0 < timeout < math.inf:
        raise signature.refuse(
            f"{option}={timeout!r} is no time that can pass",
            "give the seconds, more than 0, or None for no limit",
        )
    return float(timeout)


def checked_concurrency(signature: Signature, concurrency: Any) -> int | None:
    if concurrency is None or (type(concurrency) is int and concurrency >= 1):
        return concurrency
    raise signature.refuse(
        f"concurrency={concurrency!r} is no number of attempts at one time",
        "give a whole number from 1 on, or None for the engine's limit alone",
    )


def checked_flag(signature: Signature, option: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise signature.refuse(f"{option}={value!r} is no choice", "write True or False")


def check_choice(signature: Signature, option: str, value: object, choices: Iterable[str]) -> None:
    listed = tuple(choices)
    if value not in listed:
        raise signature.refuse(
            f"{option}={value!r} is no choice", f"write one of {', '.join(map(repr, listed))}"
        )


def _listed(signature: Signature, option: str, given: Any) -> tuple[Any, ...]:
    if isinstance(given, list | tuple | set | frozenset):
        return tuple(given)
    raise signature.refuse(f"{option}={_told(given)} is no list", f"write {option}=[...]")


def _told(value: object) -> str:
    return type_text(value) if isinstance(value, type) else repr(value)
