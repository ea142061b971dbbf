"""Proving that a change to a file's imports changes nothing else.

Public face:

- `prove`, `Proof`: the static proof of one file, or the refusal that says what differs
"""

from strata.migration.verify.proof import Proof, prove

__all__ = ["Proof", "prove"]
