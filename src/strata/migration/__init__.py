"""Migrating a Python project: imports standardised, coupling lowered, each change proved harmless or not made.

Rooms, from the top; each one's `__init__` is its public face:

- `run`: a migration of imports, from the plan to the figures
- `dynamic`: what modules and tests do when they are run, before a change and after it
- `journal`: changes to files, written down first, each undone to the byte where it is asked
- `graph`: which module imports which
- `imports`: what every file imports, under each name that it can run as
- `project`: a tree of Python files: which there are, how they are encoded, where names of modules are looked up
"""
