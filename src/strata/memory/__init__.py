"""What one node's memory is used for, and whether it comes back. No tensors here: bytes and counts are handed in.

- `Account`, `Breakdown`: bytes promised per category and owner, against a budget; `Category`, `Promised`: which there
  are; `OutOfBudget`: there is too little
- `LeakMonitor`: watches samples, one per request, for a trend, with a bound on its false alarms; `WINDOW`: of so many;
  `Leak`: what it raises
- `available_memory`: bytes that this process may still take
- `check`, `trend`, `Trend`, `level`: the test by itself
- `outlook`, `Outlook`: how fast a budget fills, how sure that is, and when it would be full
- `NodeMemory`, `FleetMemory`: a node's account as it tells it, and what all of them come to
"""

from strata.memory.account import Account, Breakdown, Category, OutOfBudget, Promised
from strata.memory.available import available_memory
from strata.memory.filling import Outlook, outlook
from strata.memory.leaks import WINDOW, Leak, LeakMonitor, Trend, check, level, trend
from strata.memory.nodes import FleetMemory, NodeMemory

__all__ = [
    "WINDOW",
    "Account",
    "Breakdown",
    "Category",
    "FleetMemory",
    "Leak",
    "LeakMonitor",
    "NodeMemory",
    "OutOfBudget",
    "Outlook",
    "Promised",
    "Trend",
    "available_memory",
    "check",
    "level",
    "outlook",
    "trend",
]
