"""Shards that a node has loaded before it is asked to run them (warm standby): taking one over takes no time then."""

from strata.inference.decoder.stage import Stage
from strata.inference.protocol.manifest import Manifest
from strata.memory import Account


class Standbys:
    """Loaded shards by name, each promised in `account` until it is taken, or dropped because memory is wanted."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._held: dict[str, tuple[Manifest, Stage]] = {}

    def __contains__(self, shard: str) -> bool:
        return shard in self._held

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights of those that are loaded."""
        return sum(self._account.get("weights", self.owner(shard)) for shard in self._held)

    def promise(self, manifest: Manifest, stage: Stage) -> None:
        """Have memory for a stage that is about to be loaded; raises OutOfBudget.

        Shards of one plan share no layers, so those that do belong to a plan that is over, as do those of another
        model: they make room.
        """
        for other, _ in list(self._held.values()):
            if not _belong_together(other, manifest):
                self.drop(other.shard)
        self._account.set("weights", self.owner(manifest.shard), stage.weight_bytes)

    @staticmethod
    def owner(shard: str) -> str:
        """Under which name a shard's memory is in the account."""
        return f"standby {shard}"

    def keep(self, manifest: Manifest, stage: Stage) -> None:
        """It is loaded."""
        self._held[manifest.shard] = manifest, stage

    def take(self, shard: str) -> Stage | None:
        """The stage, if it is loaded; whoever takes it has memory promised for it himself."""
        stage = self._held[shard][1] if shard in self._held else None
        self.drop(shard)
        return stage

    def drop(self, shard: str) -> None:
        """Let go of a shard, or of the promise of one that did not get loaded."""
        self._held.pop(shard, None)
        self._account.release(self.owner(shard))

    def clear(self) -> None:
        """Let go of all."""
        for shard in list(self._held):
            self.drop(shard)


def _belong_together(one: Manifest, other: Manifest) -> bool:
    same = (one.config, one.dtype, one.weights) == (other.config, other.dtype, other.weights)
    return same and (one.last < other.first or other.last < one.first)
