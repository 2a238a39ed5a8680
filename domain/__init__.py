"""Pure rules of an execution: identities, events, the fold, and the ports that others implement.

No clock, randomness, ids or I/O; imports nothing of perdure but itself. `perdure.sagas` goes on.
"""
