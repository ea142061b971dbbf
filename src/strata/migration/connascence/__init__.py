"""Where code must agree with other code: the eight kinds of connascence that a text shows, with place and strength.

Public face:

- `read_code`, `Code`, `Symbol`: the code of a project, joined; only files of other bytes than last time are read again
- `code_file`: where it is kept
- `connascence`, `Report`, `Outcome`: what the rules find; `RULES`, `Rule`, `Example`: one rule for each kind
- `Finding`, `Kind`, `Locality`, `Place`: code that must agree, how strongly and how far apart
- `strengths`: what findings make of pairs of modules
- `CodeFacts`, `Class`, `extract`: what one file's text says; `is_abstract`: whether a class is
- `copies`: functions that do the same
"""

from strata.migration.connascence.abstract import is_abstract
from strata.migration.connascence.code import Code, Symbol
from strata.migration.connascence.extract import extract
from strata.migration.connascence.facts import Class, CodeFacts, Function
from strata.migration.connascence.finding import Example, Finding, Kind, Locality, Outcome, Place, Rule
from strata.migration.connascence.read import code_file, read_code
from strata.migration.connascence.report import Report, connascence, strengths
from strata.migration.connascence.rules import RULES
from strata.migration.connascence.rules.algorithm import copies

__all__ = [
    "RULES",
    "Class",
    "Code",
    "CodeFacts",
    "Example",
    "Finding",
    "Function",
    "Kind",
    "Locality",
    "Outcome",
    "Place",
    "Report",
    "Rule",
    "Symbol",
    "code_file",
    "connascence",
    "copies",
    "extract",
    "is_abstract",
    "read_code",
    "strengths",
]
