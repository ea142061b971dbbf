"""Generations, the champion, its promotion and rollback, and rebuilding any past model from its recipe.

Public face:

- `Family`: founders and children entered with their parents and recipes
- `Championship`: promote, propose, approve, reject, rollback; `Rollback`: what one did; `PIPELINE`: of its incidents
- `rebuild`: a model from its recipe, bit for bit, by a `Merge`, which gives a `Child`; `Rebuilt`, `Mismatch`,
  `Unrebuildable`; `PoolMerge`: one by worker processes, whose outcomes `child_of` makes children; `NotMerged`
- `verify_model`: every byte of a model read; `damage`: what is wrong with it, in words; `DAMAGED`: incidents about it
- `family_tree`: ancestors as text, of `TreeNode`s; `tainted`: champions that were left for a regression
- errors: `NoChampion`, `NoSoundChampion`, `NeedsApproval`, `StaleProposal`, `UnknownModel`

The files of founders, of the champion, of the last few good ones and of candidates that wait for approval are kept by
refs; other children may be collected, because their recipes are kept.
"""

from strata.evolution.lineage.championship import Championship
from strata.evolution.lineage.choice import tainted
from strata.evolution.lineage.errors import NeedsApproval, NoChampion, NoSoundChampion, StaleProposal, UnknownModel
from strata.evolution.lineage.family import Family
from strata.evolution.lineage.mending import DAMAGED, PIPELINE
from strata.evolution.lineage.merging import NotMerged, PoolMerge, child_of
from strata.evolution.lineage.rebuilding import Child, Merge, Mismatch, Rebuilding, Rebuilt, Unrebuildable, rebuild
from strata.evolution.lineage.rollback import Rollback
from strata.evolution.lineage.sound import damage, verify_model
from strata.evolution.lineage.tree import TreeNode, family_tree

__all__ = [
    "DAMAGED",
    "PIPELINE",
    "Championship",
    "Child",
    "Family",
    "Merge",
    "Mismatch",
    "NeedsApproval",
    "NoChampion",
    "NoSoundChampion",
    "NotMerged",
    "PoolMerge",
    "Rebuilding",
    "Rebuilt",
    "Rollback",
    "StaleProposal",
    "TreeNode",
    "UnknownModel",
    "Unrebuildable",
    "child_of",
    "damage",
    "family_tree",
    "rebuild",
    "tainted",
    "verify_model",
]
