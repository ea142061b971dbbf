"""Artifacts by content digest, and the ledger that says what they mean.

Public face:

- `Store`: a folder of blobs named by their SHA-256, and refs to them; atomic, verified, safe under many processes
- `ArtifactRef`: (digest, kind, name), what tasks pass to each other
- `PartialBlob`: a blob that arrives in pieces and can be resumed
- `GcReport`, `VerifyReport`: what `Store.gc` and `Store.verify` found
- errors: `StoreError`, and under it `InvalidName`, `BlobMissing`, `BlobCorrupt`, `PartialBusy`, `RefCorrupt`,
  `LedgerError`, `PointerMoved`
"""

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

__all__ = [
    "ArtifactRef",
    "BlobCorrupt",
    "BlobMissing",
    "GcReport",
    "InvalidName",
    "LedgerError",
    "PartialBlob",
    "PartialBusy",
    "PointerMoved",
    "RefCorrupt",
    "Store",
    "StoreError",
    "VerifyReport",
]
