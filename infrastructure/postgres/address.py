"""postgresql://user@host/database?schema=orders as a database: psycopg's address and our schema."""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from perdure.infrastructure.credentials import UNESCAPED, without_password
from perdure.infrastructure.errors import BadAddress
from perdure.infrastructure.postgres.connection import Database

DEFAULT_SCHEMA = "perdure"
EXAMPLE = "postgresql://user@host:5432/database?schema=perdure"
PORTS = re.compile(r"[0-9,]*\Z")
SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}\Z")
SCHEMA_OPTION = re.compile(r"(?P<before>[?&])schema=(?P<name>[^&]*)&?")


def database_of(url: str) -> Database:
    """Raises BadAddress."""
    schema = DEFAULT_SCHEMA
    found = SCHEMA_OPTION.search(url)
    conninfo = url
    if found is not None:
        schema = found["name"]
        conninfo = (url[: found.start()] + found["before"] + url[found.end() :]).rstrip("?&")
        if not SCHEMA.match(schema):
            raise BadAddress(
                f"schema={schema!r}: use 1 to 48 letters, digits or underscores, no digit first"
            )
    address = without_password(url)
    try:
        known = conninfo_to_dict(conninfo)
    except psycopg.Error as error:
        if address != url:  # of which the error tells
            raise BadAddress(f"{address!r}: {UNESCAPED}; write {EXAMPLE}") from None
        told = " ".join(str(error).split())
        raise BadAddress(f"{url!r}: {told}; write {EXAMPLE}") from error
    if "@" in str(known.get("host", "")) or not PORTS.match(str(known.get("port", ""))):
        # A part of a password is where it does not belong.
        raise BadAddress(f"{address!r}: {UNESCAPED}; write {EXAMPLE}")
    place = f"{known.get('host') or 'local'}:{known.get('port') or 5432}"
    shown = f"postgresql://{place}/{known.get('dbname') or known.get('user') or ''}"
    return Database(conninfo, schema, shown if schema == DEFAULT_SCHEMA else f"{shown} ({schema})")
