"""What can go wrong with a run, seen from the coordinator."""

from strata.errors import StrataError
from strata.inference.plan import StagePlan


class NodeLost(StrataError):
    """The link to a node has ended, or the node no longer answers."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"node {node} is lost: {reason}")
        self.node = node
        self.reason = reason


class RequestRefused(StrataError):
    """A node did not do what it was asked; `code` is that of the Refused message, `tensor` the tensor at fault."""

    def __init__(self, node: str, code: str, reason: str, *, tensor: str | None = None, missing_bytes: int = 0) -> None:
        super().__init__(f"node {node} refused: {reason}")
        self.node = node
        self.code = code
        self.reason = reason
        self.tensor = tensor
        self.missing_bytes = missing_bytes


class StageFailed(StrataError):
    """A stage died or broke during a run; the run's remaining tokens are lost."""

    def __init__(self, node: str, layers: tuple[int, int], reason: str) -> None:
        super().__init__(
            f"node {node}, which held layers {layers[0]} to {layers[1]}, failed: {reason}. Restart it with "
            "`strata node` (it keeps its tensors), or plan without it; then distribute and run again"
        )
        self.node = node
        self.layers = layers
        self.reason = reason

    @classmethod
    def of(cls, stage: StagePlan, reason: str) -> "StageFailed":
        """The failure of a stage of a plan."""
        return cls(stage.node, (stage.first, stage.last), reason)


class ContextExceeded(StrataError):
    """A prompt leaves no room for an answer within the context."""
