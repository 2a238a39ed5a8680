"""What every line of the log has that is about one execution: fields, and one line of text."""


def about_execution(execution_id: str, version: int | None = None) -> dict[str, object]:
    """For `extra=`: attributes of the record, for structured handlers."""
    fields: dict[str, object] = {"execution_id": execution_id}
    if version is not None:
        fields["version"] = version
    return fields


def escaped(text: object) -> str:
    """The text on one line, with nothing in it that a terminal would obey."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(text))
