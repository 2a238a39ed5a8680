"""`perdure keys new`: a key to encrypt a journal by, for the ring in PERDURE_KEYS or in a file."""

from datetime import UTC
from typing import Annotated, Literal

import typer

from perdure.domain.states import instant
from perdure.infrastructure.clock import SystemClock
from perdure.infrastructure.keys import new_key


def keys(
    order: Annotated[Literal["new"], typer.Argument(help="new: prints a key, as ID:KEY.")],
) -> None:
    """Makes a key to encrypt journals by. It is printed, and kept nowhere.

    Example: export PERDURE_KEYS="$(perdure keys new)"
    """
    typer.echo(new_key(instant(SystemClock().now()).astimezone(UTC).date()))
