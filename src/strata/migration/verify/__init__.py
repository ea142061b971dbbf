"""Proving that a change to a file's imports changes nothing else.

Public face:

- `prove`, `Proof`: the static proof of one file, or the refusal that says what differs
- `rewrite_tree`, `prove_rewrite`, `Proved`: a project's files rewritten, each with its proof
"""

from strata.migration.verify.proof import Proof, prove
from strata.migration.verify.tree import Proved, prove_rewrite, rewrite_tree

__all__ = ["Proof", "Proved", "prove", "prove_rewrite", "rewrite_tree"]
