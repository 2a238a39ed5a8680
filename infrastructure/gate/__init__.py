"""The deploy gate: the executions of a journal against the code about to be deployed, read-only.

`code` imports it, `worker` is the process in which bodies are replayed, `processes` drives those,
`checking` goes through a journal, `report` counts what was found. Showing it is the command's.
"""
