"""A tree of Python files: which there are, how they are encoded, and where names of modules are looked up.

Public face:

- `Tree`, `open_tree`, `SourceFile`: the files of a project, without what git ignores, outside of symlinks
- `Source`, `read_source`, `decode`: one file's bytes, text and encoding; `Edit`, `splice`: changes to a text
- `Root`, `find_roots`: folders that are on `sys.path` when the project runs, as its configuration says
- `Configuration`, `read_configuration`: what `pyproject.toml` and the ini files say, as data
- `Modules`, `Kind`: which dotted name is which file
- `Change`, `Step`: what is to become of files, as data
- `Problem`: why a file is left alone; `BadProject`: there is nothing to work on
"""

from strata.migration.project.change import Change, Step
from strata.migration.project.configuration import Configuration, read_configuration
from strata.migration.project.listing import BadProject
from strata.migration.project.modules import Kind, Module, Modules
from strata.migration.project.roots import Root, find_roots
from strata.migration.project.source import BadSource, Edit, Position, Source, decode, read_source, splice
from strata.migration.project.tree import Problem, SourceFile, Tree, open_tree

__all__ = [
    "BadProject",
    "BadSource",
    "Change",
    "Configuration",
    "Edit",
    "Kind",
    "Module",
    "Modules",
    "Position",
    "Problem",
    "Root",
    "Source",
    "SourceFile",
    "Step",
    "Tree",
    "decode",
    "find_roots",
    "open_tree",
    "read_configuration",
    "read_source",
    "splice",
]
