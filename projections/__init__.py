"""Read models built from journals: handlers, the loop that feeds them, where each one stands.

Knows `perdure.domain` and nothing of `perdure.sagas`; `perdure.infrastructure` stores the models.
"""
