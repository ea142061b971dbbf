"""Changes to files, carried out so that each can be undone: written down first, whole or not at all.

Public face:

- `Journal`: applies steps, finishes what was broken off, brings every byte back; one migration of a tree at a time
- `JournalError`, `GitFailed`: what a user can mend
"""

from strata.migration.journal.git import GitFailed
from strata.migration.journal.journal import Journal
from strata.migration.journal.locks import JournalError

__all__ = ["GitFailed", "Journal", "JournalError"]
