"""`perdure lint`: what in workflows and activities would not survive a replay, found by reading.

Code is parsed, never imported nor run. Names are followed through imports, helpers and modules
nearby; what cannot be told for sure is let pass. Begin with `examination`.
"""
