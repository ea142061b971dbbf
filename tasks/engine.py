"""The port between the inference tasks and `strata.inference`.

Tasks are synchronous and know nothing of event loops, links or weights. The pipeline uses the adapter in
`strata_engine`; the tests of the tasks and of the flow put a fake behind the same port.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from strata.inference import (
    DistributionProgress,
    DistributionReport,
    GenerationResult,
    Plan,
    Rebalanced,
)
from strata.settings import Settings
from tasks.inference_parameters import InferenceParameters

OnProgress = Callable[[DistributionProgress], None]
OnText = Callable[[int, str], None]


@dataclass(frozen=True)
class Mesh:
    """Where a mesh's membership and the coordinator's key lie: all that a task needs to reach the nodes.

    processes: of nodes that run on this machine, by name, so that a rehearsal can kill one.
    """

    membership: Path
    identity: Path
    processes: Mapping[str, int] = field(default_factory=dict)


class Engine(Protocol):
    """What the tasks ask of the library. Every method raises a StrataError, or TooSlowError after the timeout."""

    def nodes(self, parameters: InferenceParameters, settings: Settings) -> AbstractContextManager[Mesh]:
        """The running mesh that was named, or else node processes on this machine, stopped at the end of the block."""
        ...

    def plan(
        self, parameters: InferenceParameters, mesh: Mesh, settings: Settings, previous: Plan | None = None
    ) -> Plan:
        """Profile the model, survey the nodes, and place the layers; `previous` is kept where it is about as good."""
        ...

    def distribute(
        self, parameters: InferenceParameters, plan: Plan, mesh: Mesh, settings: Settings, progress: OnProgress
    ) -> DistributionReport:
        """Send every node the tensors of its layers that it does not have yet."""
        ...

    def generate(
        self, parameters: InferenceParameters, plan: Plan, mesh: Mesh, settings: Settings, on_text: OnText
    ) -> GenerationResult:
        """Answer the prompts on the nodes of `plan`, or on what is left of them; failures are written down."""
        ...

    def reoptimise(self, parameters: InferenceParameters, plan: Plan, mesh: Mesh, settings: Settings) -> Rebalanced:
        """Decide by what the nodes counted of late whether layers should move; nodes that go on running do move them.

        Raises NotMeasured where they have not decoded enough.
        """
        ...

    def generate_locally(
        self, parameters: InferenceParameters, settings: Settings, on_text: OnText
    ) -> GenerationResult:
        """Answer the prompts with the whole model in this process."""
        ...

    def baseline(self, parameters: InferenceParameters, settings: Settings) -> GenerationResult:
        """Answer the prompts with transformers in one fresh process, to compare with."""
        ...
