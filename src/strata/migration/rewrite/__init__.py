"""Rewriting a file's imports so that they say the same in the form that a strategy wants.

Public face:

- `STRATEGIES`, `Strategy`, `Example`: the rules by name, each with its examples
- `live_names`: under which names each file does run
- `rewrite_file`, `Rewritten`, `Converted`: one file's new bytes, and why other statements stay as they are
- `judge_file`, `Judged`: the same without the bytes
- `propose_repairs`, `Repair`, `repair_file`: imports that resolve nowhere and can mean one module only
- `Refusal`, `Why`: what was not done, where and why
- `doubt`: signs that a file runs under names that are not known
- `main_name`, `relative_form`: the name that a project knows a file by; an absolute name as seen from a package
- `edit_module`, `blanked`: a `from` import's module part, to change it and to leave it out of a comparison
"""

from strata.migration.rewrite.doubt import doubt, main_name
from strata.migration.rewrite.live import live_names
from strata.migration.rewrite.place import blanked, edit_module
from strata.migration.rewrite.refusal import Refusal, Why
from strata.migration.rewrite.repair import Repair, propose_repairs, repair_file
from strata.migration.rewrite.rewrite import Converted, Judged, Rewritten, judge_file, relative_form, rewrite_file
from strata.migration.rewrite.strategies import EXAMPLE_TREE, STRATEGIES, Example, Strategy

__all__ = [
    "EXAMPLE_TREE",
    "STRATEGIES",
    "Converted",
    "Example",
    "Judged",
    "Refusal",
    "Repair",
    "Rewritten",
    "Strategy",
    "Why",
    "blanked",
    "doubt",
    "edit_module",
    "judge_file",
    "live_names",
    "main_name",
    "propose_repairs",
    "relative_form",
    "repair_file",
    "rewrite_file",
]
