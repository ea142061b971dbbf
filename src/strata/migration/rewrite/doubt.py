"""Signs that a file may run under another name than those that are known, so that no proof under them would hold."""

import sys
from collections.abc import Sequence
from keyword import iskeyword

from strata.migration.imports import FileFacts, How, RunName, Statement
from strata.migration.project import Modules
from strata.migration.rewrite.refusal import Why

# Not `__path__`: a submodule is looked up there, but its name does not count from there.
_COUNTED_FROM = {"__package__", "__name__", "__spec__", "__import__"}


def doubt(changed: Statement, facts: FileFacts, names: Sequence[RunName], modules: Modules) -> tuple[Why, str] | None:
    """Why the names that are known of a file are not to be trusted with a statement that is changed to this one.

    An absolute name that begins like a module of the standard library, or like another file's, is what a wrong root
    leads to: the real package has a longer name.
    """
    if rebound := _COUNTED_FROM & set(facts.rebinds):
        return Why.REBOUND, f"the file sets {', '.join(sorted(rebound))}"
    if not all(part.isidentifier() and not iskeyword(part) for part in changed.module.split(".") if changed.module):
        return Why.NO_NAME, f"{changed.module} cannot be written in a statement"
    if not changed.level and top(changed.module) in sys.stdlib_module_names:
        return Why.STDLIB_NAME, f"{changed.module} would begin with the name of a standard-library module"
    main = main_name(names)
    if main is not None and main.how is How.IMPORT:
        found = modules.find(main.name, main.roots)
        if found is not None and found.path != facts.path:
            return Why.SHADOWED, f"by this file's name {main.name}, {found.path} is found"
    return None


def main_name(names: Sequence[RunName]) -> RunName | None:
    """The name that the rest of a project imports the file by, or else one that relative imports can count from."""
    imported = [name for name in names if name.how is How.IMPORT]
    counting = [name for name in names if name.package is not None]
    return next(iter([*imported, *counting, *names]), None)


def top(dotted: str) -> str:
    """The first part of a dotted name."""
    return dotted.partition(".")[0]
