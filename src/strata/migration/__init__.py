"""Migrating a Python project: imports standardised, coupling lowered, each change proved harmless or not made.

Rooms, from the top; each one's `__init__` is its public face:

- `run`: a migration of imports, from the plan to the figures
- `refactor`: modules moved between packages so that these know less of each other
- `dynamic`: what modules and tests do when they are run, before a change and after it
- `journal`: changes to files, written down first, each undone to the byte where it is asked
- `check`: rules, how far they are followed, and what is new since a baseline
- `verify`: the proof that a file's change is harmless; a whole project rewritten, each file with its proof
- `rewrite`: a file's imports in the form that a strategy wants, or why they stay; broken ones mended
- `coupling`: how much modules and packages know of each other, in numbers
- `connascence`: where code must agree with other code, and how strongly
- `graph`: which module imports which
- `imports`: what every file imports, under each name that it can run as
- `project`: a tree of Python files: which there are, how they are encoded, where names of modules are looked up
"""
