"""Artifacts by content digest, and the ledger that says what they mean.

Public face:

- `Store`: a folder of blobs named by their SHA-256, and refs to them; atomic, verified, safe under many processes
- `ArtifactRef`: (digest, kind, name), what tasks pass to each other
- `PartialBlob`: a blob that arrives in pieces and can be resumed
- `GcReport`, `VerifyReport`: what `Store.gc` and `Store.verify` found
- `Ledger`, `Run`, `Pointer`, `Move`: runs, and pointers moved by compare-and-swap
- `IncidentLog`, `Incident`: what failed, and what was done about it
- `AnswerLog`, `AnswerRecord`: answers under way, to be taken up again
- errors: `StoreError`, and under it `InvalidName`, `BlobMissing`, `BlobCorrupt`, `PartialBusy`, `RefCorrupt`,
  `LedgerError`, `PointerMoved`

The ledger's names import SQLAlchemy when they are first used: a node needs blobs only, and starts the quicker for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.store.errors import (
    BlobCorrupt,
    BlobMissing,
    InvalidName,
    LedgerError,
    PartialBusy,
    PointerMoved,
    RefCorrupt,
    StoreError,
)
from strata.store.partial import PartialBlob
from strata.store.refs import ArtifactRef
from strata.store.store import Store
from strata.store.sweep import GcReport, VerifyReport

if TYPE_CHECKING:
    from strata.store.answers import AnswerLog, AnswerRecord
    from strata.store.incidents import Incident, IncidentLog
    from strata.store.ledger import Ledger, Move, Pointer, Run

__all__ = [
    "AnswerLog",
    "AnswerRecord",
    "ArtifactRef",
    "BlobCorrupt",
    "BlobMissing",
    "GcReport",
    "Incident",
    "IncidentLog",
    "InvalidName",
    "Ledger",
    "LedgerError",
    "Move",
    "PartialBlob",
    "PartialBusy",
    "Pointer",
    "PointerMoved",
    "RefCorrupt",
    "Run",
    "Store",
    "StoreError",
    "VerifyReport",
]

_MODULES = {
    "AnswerLog": "answers",
    "AnswerRecord": "answers",
    "Incident": "incidents",
    "IncidentLog": "incidents",
    "Ledger": "ledger",
    "Move": "ledger",
    "Pointer": "ledger",
    "Run": "ledger",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
