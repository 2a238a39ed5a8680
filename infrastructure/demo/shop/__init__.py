"""The outside world of the demo: order, payment, shipping and e-mail services over real HTTP.

One process, `python -m perdure.infrastructure.demo.shop`, with its own books in a SQLite file. It
knows nothing of Perdure: keys and execution ids reach it as headers, as they would reach any
gateway. `desk` is where every call comes in, `conduct` decides how it misbehaves, `ledger` keeps
what was done.
"""
