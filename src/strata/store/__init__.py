"""Artifacts by content digest, and the ledger that says what they mean.

Public face:

- `Store`: a folder of blobs named by their SHA-256, and refs to them; atomic, verified, safe under many processes
- `open_store`: the store that the settings name; `store_at`: the one in a folder or, with a URL, the one that machines
  share, a `SharedStore`, of which the folder is a cache; `store_status`, `StoreStatus`, `Held`: what is where;
  `push`, `PushReport`: a store of one machine, put where all see it
- `ArtifactRef`: (digest, kind, name), what tasks pass to each other
- `PartialBlob`: a blob that arrives in pieces and can be resumed
- `GcReport`, `VerifyReport`: what `Store.gc` and `Store.verify` found
- `Ledger`, `Run`, `RunState`, `Pointer`, `Move`: runs, and pointers moved by compare-and-swap
- `IncidentLog`, `Incident`: what failed, and what was done about it; `within_run` notes in which run
- `CaseLog`, `Decision`, `Hold`, `Holds`: what cases are made of, what people decided, what was told
- `AnswerLog`, `AnswerRecord`: answers under way, to be taken up again
- `GenerationLog`, `Generation`: rounds of evolution; `Lineage`, `ModelRecord`: models and what each was made of
- `ChampionLog`, `Change`, `Explanation`: the champion's pointer, moved in one transaction with what explains it
- `Approvals`, `Approval`: candidates that a person is to decide on
- `MigrationLog`, `Migration`, `MigrationStep`, `MigrationFile`: what became of the files of a tree, step by step
- `MemoryLog`, `MemorySample`: samples of the memory of nodes
- `Claim`, `abandoned`: which runs are under way, and whose process is gone
- `tally`, `Tally`: how the runs of each pipeline have ended
- `RolloutLog`, `RolloutSetting`, `RolloutSample`: shares of the work that parts get, and what was measured meanwhile
- `TokenLog`, `Token`, `Scope`: bearer tokens of the HTTP API
- errors: `StoreError`, and under it `InvalidName`, `BlobMissing`, `BlobCorrupt`, `PartialBusy`, `RefCorrupt`,
  `RemoteError`, `LedgerError`, `PointerMoved`

The ledger's names import SQLAlchemy when they are first used: a node needs blobs only, and starts the quicker for it.
So do those of a shared store with theirs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.store.claims import Claim, abandoned
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
from strata.store.opening import open_store, store_at
from strata.store.partial import PartialBlob
from strata.store.refs import ArtifactRef
from strata.store.store import Store
from strata.store.sweep import GcReport, VerifyReport

if TYPE_CHECKING:
    from strata.store.answers import AnswerLog, AnswerRecord
    from strata.store.approvals import Approval, Approvals
    from strata.store.cases import CaseLog, Decision, Hold, Holds, Verdict
    from strata.store.champions import CHAMPION, ChampionLog, Change, ChangeKind, Explanation
    from strata.store.generations import Generation, GenerationLog, GenerationState
    from strata.store.incidents import Incident, IncidentLog, within_run
    from strata.store.ledger import Ledger, Move, Run, RunState
    from strata.store.lineage import Lineage, ModelRecord
    from strata.store.migrations import Migration, MigrationFile, MigrationLog, MigrationState, MigrationStep, StepState
    from strata.store.moving import PushReport, push
    from strata.store.remote import RemoteError
    from strata.store.rollouts import RolloutLog, RolloutSample, RolloutSetting
    from strata.store.samples import MemoryLog, MemorySample
    from strata.store.shared import SharedStore
    from strata.store.status import Held, StoreStatus, store_status
    from strata.store.swapping import Pointer
    from strata.store.tallies import Tally, tally
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
    "CaseLog",
    "ChampionLog",
    "Change",
    "ChangeKind",
    "Claim",
    "Decision",
    "Explanation",
    "GcReport",
    "Generation",
    "GenerationLog",
    "GenerationState",
    "Held",
    "Hold",
    "Holds",
    "Incident",
    "IncidentLog",
    "InvalidName",
    "Ledger",
    "LedgerError",
    "Lineage",
    "MemoryLog",
    "MemorySample",
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
    "PushReport",
    "RefCorrupt",
    "RemoteError",
    "RolloutLog",
    "RolloutSample",
    "RolloutSetting",
    "Run",
    "RunState",
    "Scope",
    "SharedStore",
    "StepState",
    "Store",
    "StoreError",
    "StoreStatus",
    "Tally",
    "Token",
    "TokenLog",
    "Verdict",
    "VerifyReport",
    "abandoned",
    "open_store",
    "push",
    "store_at",
    "store_status",
    "tally",
    "within_run",
]

_MODULES = {
    "AnswerLog": "answers",
    "AnswerRecord": "answers",
    "Approval": "approvals",
    "Approvals": "approvals",
    "CHAMPION": "champions",
    "CaseLog": "cases",
    "ChampionLog": "champions",
    "Change": "champions",
    "ChangeKind": "champions",
    "Decision": "cases",
    "Explanation": "champions",
    "Generation": "generations",
    "GenerationLog": "generations",
    "GenerationState": "generations",
    "Held": "status",
    "Hold": "cases",
    "Holds": "cases",
    "Incident": "incidents",
    "IncidentLog": "incidents",
    "Ledger": "ledger",
    "Lineage": "lineage",
    "MemoryLog": "samples",
    "MemorySample": "samples",
    "Migration": "migrations",
    "MigrationFile": "migrations",
    "MigrationLog": "migrations",
    "MigrationState": "migrations",
    "MigrationStep": "migrations",
    "ModelRecord": "lineage",
    "Move": "ledger",
    "Pointer": "swapping",
    "PushReport": "moving",
    "RemoteError": "remote",
    "RolloutLog": "rollouts",
    "RolloutSample": "rollouts",
    "RolloutSetting": "rollouts",
    "Run": "ledger",
    "RunState": "ledger",
    "Scope": "tokens",
    "SharedStore": "shared",
    "StepState": "migrations",
    "StoreStatus": "status",
    "Tally": "tallies",
    "Token": "tokens",
    "TokenLog": "tokens",
    "Verdict": "cases",
    "push": "moving",
    "store_status": "status",
    "tally": "tallies",
    "within_run": "incidents",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
