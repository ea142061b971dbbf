"""What every file imports, under each name that it can run as.

Public face:

- `Statement`, `Guard`: an import statement as it is written, with its place, scope and what stands around it
- `StringReference`, `Via`: a string that names a module or a file, such as a target of `mock.patch`
- `FileFacts`, `scan`: all that one file's text says, found without running it; `parse`, `statements_of`: its steps
- `RunName`, `How`, `run_names`: a name that a file can run as, and what relative imports then count from
- `Origin`, `Resolved`, `resolve`, `absolute_name`: what an import names, under one of these
- `Analysis`, `analyse`: the facts of a whole project; only files that changed since the last time are read again
- `facts_file`: where these are kept
"""

from strata.migration.imports.analysis import Analysis, analyse, facts_file
from strata.migration.imports.facts import FileFacts, Guard, Statement, StringReference, Via
from strata.migration.imports.names import How, RunName, run_names
from strata.migration.imports.resolve import Origin, Resolved, absolute_name, resolve
from strata.migration.imports.scan import parse, scan, statements_of

__all__ = [
    "Analysis",
    "FileFacts",
    "Guard",
    "How",
    "Origin",
    "Resolved",
    "RunName",
    "Statement",
    "StringReference",
    "Via",
    "absolute_name",
    "analyse",
    "facts_file",
    "parse",
    "resolve",
    "run_names",
    "scan",
    "statements_of",
]
