"""given / when / then: one activation of a body in a test, without engine, journal or loop.

`given` is what tests read as, `happenings` is what may happen, `expectations` what may be asked for
then, `activation` runs the body on it.
"""
