"""From an address to its journal's keeper."""

import importlib

from perdure.infrastructure.credentials import without_password
from perdure.infrastructure.errors import BadAddress
from perdure.infrastructure.journals import no_such_kind, postgres, split, sqlite_file
from perdure.infrastructure.keeping import Keeper
from perdure.infrastructure.sqlite.keeper import SQLiteKeeper

KEEPER = "perdure.infrastructure.postgres.keeper"


def keeper_of(url: str) -> Keeper:
    """Raises BadAddress, for a journal in memory too: nobody but its process can reach it."""
    parts = split(url)
    match parts.scheme:
        case "sqlite":
            path, _ = sqlite_file(url, parts)
            return SQLiteKeeper(path)
        case "postgresql" | "postgres":
            postgres(parts.scheme)  # tells what is missing, if anything is
            keeper: Keeper = importlib.import_module(KEEPER).keeper_of(url)
            return keeper
        case "memory":
            raise BadAddress(
                f"{without_password(url)!r}: a journal in memory is its process's own; name a "
                "file or a database"
            )
        case _:
            raise no_such_kind(url)
