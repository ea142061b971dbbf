"""Rules for a project's imports and coupling: how far each is followed, and what is new since the baseline.

Public face:

- `check`, `Checked`, `Found`, `State`, `Compliance`: every rule applied, and what becomes of what it finds
- `RULES`, `Rule`, `Violation`, `Seen`, `fingerprints`: the rules by name, and the places where they are broken
- `CheckOptions`, `read_options`, `BadConfiguration`: what a project wants checked
- `Baseline`, `read_baseline`, `write_baseline`, `BadBaseline`, `BASELINE_FILE`: what it breaks already
- `suppressions`: comments that say that a violation is meant
- `to_sarif`: the result for code review tools
"""

from strata.migration.check.baseline import FILE as BASELINE_FILE
from strata.migration.check.baseline import BadBaseline, Baseline, read_baseline, write_baseline
from strata.migration.check.checking import Checked, Compliance, Found, check
from strata.migration.check.configuration import BadConfiguration, CheckOptions, read_options
from strata.migration.check.rules import RULES
from strata.migration.check.sarif import to_sarif
from strata.migration.check.suppress import suppressions
from strata.migration.check.violation import Rule, Seen, State, Violation, fingerprints

__all__ = [
    "BASELINE_FILE",
    "RULES",
    "BadBaseline",
    "BadConfiguration",
    "Baseline",
    "CheckOptions",
    "Checked",
    "Compliance",
    "Found",
    "Rule",
    "Seen",
    "State",
    "Violation",
    "check",
    "fingerprints",
    "read_baseline",
    "read_options",
    "suppressions",
    "to_sarif",
    "write_baseline",
]
