"""The numbered migrations of a journal: each file in `versions` leads from one version to the next.

A file that was released never changes. Its number is the `schema_version` of the journal after it.
What carries them out, and under which locks, is `migrating`'s matter.
"""

from alembic import op


def execute(statement: str, **parts: object) -> None:
    """One statement with its `{parts}` filled in: carried out, or written down for a dry run."""
    op.execute(statement.format(**parts))
