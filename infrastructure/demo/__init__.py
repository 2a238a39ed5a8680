"""The demo: a shop that misbehaves, the payment saga that lives with it, the audit of both.

`shop` is the outside world, a process of its own; `saga` is what a user of Perdure would write;
`audit` holds the shop's books against the journal. Nothing here is used by the engine.
"""
