"""What every file imports, under each name that it can run as.

Public face:

- `Statement`, `Guard`: an import statement as it is written, with its place, scope and what stands around it
- `StringReference`, `Via`: a string that names a module or a file, such as a target of `mock.patch`
- `FileFacts`, `scan`: all that one file's text says, found without running it; `parse`, `statements_of`,
  `string_references`: its steps
- `Evidence`, `find_evidence`: how files are run, by the project's configuration and by paths in its code
- `RunName`, `How`, `run_names`: a name that a file can run as, and what relative imports then count from
- `lives`: whether a file run as such a name gets past its own relative imports; `is_test`: whether pytest loads it
- `Origin`, `Resolved`, `resolve`, `absolute_name`: what an import names, under one of these
- `BrokenImport`, `broken_imports`: imports that fail already
- `Analysis`, `analyse`: the facts of a whole project; only files that changed since the last time are read again
- `facts_file`: where these are kept
- `Reader`, `read_with`, `serve`: reading many files in processes that a file may crash
"""

from strata.migration.imports.analysis import Analysis, analyse, facts_file
from strata.migration.imports.broken import BrokenImport, broken_imports
from strata.migration.imports.evidence import Evidence, find_evidence
from strata.migration.imports.facts import FileFacts, Guard, Statement, StringReference, Via
from strata.migration.imports.names import How, RunName, is_test, lives, run_names
from strata.migration.imports.reading import Reader, read_with
from strata.migration.imports.resolution import Origin, Resolved, absolute_name, resolve
from strata.migration.imports.scan import parse, scan, statements_of
from strata.migration.imports.strings import string_references
from strata.migration.imports.worker import serve

__all__ = [
    "Analysis",
    "BrokenImport",
    "Evidence",
    "FileFacts",
    "Guard",
    "How",
    "Origin",
    "Reader",
    "Resolved",
    "RunName",
    "Statement",
    "StringReference",
    "Via",
    "absolute_name",
    "analyse",
    "broken_imports",
    "facts_file",
    "find_evidence",
    "is_test",
    "lives",
    "parse",
    "read_with",
    "resolve",
    "run_names",
    "scan",
    "serve",
    "statements_of",
    "string_references",
]
