"""Artifacts by content digest, and the ledger that says what they mean.

Public face:

- `Store`: a folder of blobs named by their SHA-256, and refs to them; atomic, verified, safe under many processes
- `ArtifactRef`: (digest, kind, name), what tasks pass to each other
- `PartialBlob`: a blob that arrives in pieces and can be resumed
- `GcReport`, `VerifyReport`: what `Store.gc` and `Store.verify` found
- `Ledger`, `Run`, `Pointer`, `Move`: runs, and pointers moved by compare-and-swap
- `IncidentLog`, `Incident`: what failed, and what was done about it
- `AnswerLog`, `AnswerRecord`: answers under way, to be taken up again
- `GenerationLog`, `Generation`: rounds of evolution; `Lineage`, `ModelRecord`: models and what each was made of
- `ChampionLog`, `Change`, `Explanation`: the champion's pointer, moved in one transaction with what explains it
- `Approvals`, `Approval`: candidates that a person is to decide on
- `MigrationLog`, `Migration`, `MigrationStep`, `MigrationFile`: what became of the files of a tree, step by step
- `RolloutLog`, `RolloutSetting`, `RolloutSample`: shares of the work that parts get, and what was measured meanwhile
- `TokenLog`, `Token`, `Scope`: bearer tokens of the HTTP API
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
    from strata.store.approvals import Approval, Approvals
    from strata.store.champions import CHAMPION, ChampionLog, Change, ChangeKind, Explanation
    from strata.store.generations import Generation, GenerationLog, GenerationState
    from strata.store.incidents import Incident, IncidentLog
    from strata.store.ledger import Ledger, Move, Run
    from strata.store.lineage import Lineage, ModelRecord
    from strata.store.migrations import Migration, MigrationFile, MigrationLog, MigrationState, MigrationStep, StepState
    from strata.store.rollouts import RolloutLog, RolloutSample, RolloutSetting
    from strata.store.swapping import Pointer
    from strata.store.tokens import Scope, Token, TokenLog

__all__ = [
    "CHAMPION",
    "AnswerLog",
    "AnswerRecord",
    "Approval",
    "Approvals",
    "ArtifactRef",
    "BlobCorrupt",
    "BlobMissing",
    "ChampionLog",
    "Change",
    "ChangeKind",
    "Explanation",
    "GcReport",
    "Generation",
    "GenerationLog",
    "GenerationState",
    "Incident",
    "IncidentLog",
    "InvalidName",
    "Ledger",
    "LedgerError",
    "Lineage",
    "Migration",
    "MigrationFile",
    "MigrationLog",
    "MigrationState",
    "MigrationStep",
    "ModelRecord",
    "Move",
    "PartialBlob",
    "PartialBusy",
    "Pointer",
    "PointerMoved",
    "RefCorrupt",
    "RolloutLog",
    "RolloutSample",
    "RolloutSetting",
    "Run",
    "Scope",
    "StepState",
    "Store",
    "StoreError",
    "Token",
    "TokenLog",
    "VerifyReport",
]

_MODULES = {
    "AnswerLog": "answers",
    "AnswerRecord": "answers",
    "Approval": "approvals",
    "Approvals": "approvals",
    "CHAMPION": "champions",
    "ChampionLog": "champions",
    "Change": "champions",
    "ChangeKind": "champions",
    "Explanation": "champions",
    "Generation": "generations",
    "GenerationLog": "generations",
    "GenerationState": "generations",
    "Incident": "incidents",
    "IncidentLog": "incidents",
    "Ledger": "ledger",
    "Lineage": "lineage",
    "Migration": "migrations",
    "MigrationFile": "migrations",
    "MigrationLog": "migrations",
    "MigrationState": "migrations",
    "MigrationStep": "migrations",
    "ModelRecord": "lineage",
    "Move": "ledger",
    "Pointer": "swapping",
    "RolloutLog": "rollouts",
    "RolloutSample": "rollouts",
    "RolloutSetting": "rollouts",
    "Run": "ledger",
    "Scope": "tokens",
    "StepState": "migrations",
    "Token": "tokens",
    "TokenLog": "tokens",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
