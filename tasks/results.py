"""What stages leave behind: results as JSON in the store, and the references to them."""

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from strata.inference import DistributionReport, GenerationResult
from strata.store import ArtifactRef, Store

_DISTRIBUTION = TypeAdapter(DistributionReport)
_GENERATION = TypeAdapter(GenerationResult)


@dataclass(frozen=True)
class InferenceOutcome:
    """What a run left in the store; a run in one process has no plan."""

    answer: ArtifactRef
    plan: ArtifactRef | None = None
    baseline: ArtifactRef | None = None


def put_distribution(store: Store, report: DistributionReport, model: str) -> ArtifactRef:
    """Store what a distribution sent."""
    return store.put_artifact(json.dumps(asdict(report)).encode(), "inference-distribution", model)


def get_distribution(store: Store, ref: ArtifactRef) -> DistributionReport:
    """Inverse of `put_distribution`."""
    return _DISTRIBUTION.validate_json(store.read(ref.digest))


def put_generation(store: Store, result: GenerationResult, kind: str, model: str) -> ArtifactRef:
    """Store an answer and its figures."""
    return store.put_artifact(json.dumps(result.to_json()).encode(), kind, model)


def get_generation(store: Store, ref: ArtifactRef) -> GenerationResult:
    """Inverse of `put_generation`."""
    return _GENERATION.validate_json(store.read(ref.digest))
