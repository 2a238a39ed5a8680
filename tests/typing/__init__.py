"""What users' type checkers accept and refuse. The files are checked, never run.

A refusal is pinned by the comment that silences it: both checkers report one that is not needed.
"""
