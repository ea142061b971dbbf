"""Migrating a Python project: imports standardised, coupling lowered, each change proved harmless or not made.

Rooms, from the top; each one's `__init__` is its public face:

- `verify`: the proof that a file's change is harmless; a whole project rewritten, each file with its proof
- `rewrite`: a file's imports in the form that a strategy wants, or why they stay; broken ones mended
- `graph`: which module imports which
- `imports`: what every file imports, under each name that it can run as
- `project`: a tree of Python files: which there are, how they are encoded, where names of modules are looked up
"""
