"""What users write, and the engine that runs it: declarations, the deterministic loop, recovery.

Works over the ports of `perdure.domain` only; `perdure.infrastructure` supplies them.
"""
