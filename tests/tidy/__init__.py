"""The house style, as far as a test can see it.

`source.py` reads files; `layers.py`, `ambient.py`, `words.py`, `imports.py` and `testing.py` hold
the rules, small functions from a source to findings; `exceptions.py` names what may break them.
`test_rules.py` shows each rule failing on a bad sample, `test_tidy.py` runs all over the project.
"""
