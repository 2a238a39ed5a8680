"""Histories as files: one execution's events as JSON, all that a replay needs, fit for a diff.

`document` is the format, `layout` how it is laid out, `scrubbing` takes personal data out,
`replays` replays a file against the code of today. Nothing here knows a journal.
"""
