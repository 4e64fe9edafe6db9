"""Damaged files for every reader: each is read, or refused in one sentence with its name.

`readers.py` lists the readers and the files to begin with, `mutations.py` how these are damaged,
`running.py` gives each file to its reader, and `python -m tests.fuzz` runs it.
"""
