"""What a project does when it is run, before a change and after it. Its code runs in processes apart, on copies.

Public face:

- `copy_aside`, `derive`, `write_changes`: trees to run code in, so that no file of the user's is touched; `TooLarge`
- `probe`, `Target`, `Facts`, `Limits`, `ProbeFailed`: what comes of importing modules
- `compare`, `Compared`, `Verdict`: that held against what comes of it later
- `run_suite`, `SuiteRun`, `compare_suites`, `SuiteCompared`: the project's own tests; `BadReport`
- `Reach`: names, importers and tests that can notice a change of a file
"""

from strata.migration.dynamic.aside import TooLarge, copy_aside, derive, write_changes
from strata.migration.dynamic.compare import Compared, Verdict, compare
from strata.migration.dynamic.junit import BadReport
from strata.migration.dynamic.probe import Facts, ProbeFailed, Target, probe
from strata.migration.dynamic.processes import Limits
from strata.migration.dynamic.reach import Reach
from strata.migration.dynamic.suite import SuiteCompared, SuiteRun, compare_suites, run_suite

__all__ = [
    "BadReport",
    "Compared",
    "Facts",
    "Limits",
    "ProbeFailed",
    "Reach",
    "SuiteCompared",
    "SuiteRun",
    "Target",
    "TooLarge",
    "Verdict",
    "compare",
    "compare_suites",
    "copy_aside",
    "derive",
    "probe",
    "run_suite",
    "write_changes",
]
