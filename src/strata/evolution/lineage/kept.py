"""The files of champions, kept in the store by refs, which are taken and dropped under one lock.

The lock is the store folder's and the ledger's: those who share either wait for each other, on one machine or several.
Without it, somebody who tidies up could drop the ref of a model that is just about to become champion.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from strata.evolution.models import ModelManifest
from strata.files import locked
from strata.store import ChampionLog, Store

CHAMPION_REF = "champion"
PROPOSED_REF = "proposed"


class Kept:
    """Refs to champions and to candidates that wait for approval, each named by its model's digest."""

    def __init__(self, store: Store, log: ChampionLog) -> None:
        self._store, self._log = store, log

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the refs to oneself among all processes that use the store or the ledger."""
        with locked(self._store.layout.root / "champion.lock", exclusive=True), self._log.alone("champion"):
            yield

    def keep(self, kind: str, manifest: ModelManifest) -> None:
        """Keep a model and its files. Raises BlobMissing, and changes nothing, where one is not there."""
        self._store.set_ref(kind, manifest.digest, manifest.digest, manifest.files.values())

    def kept(self, kind: str) -> frozenset[str]:
        """Digests of the models that refs of this kind keep."""
        return frozenset(ref.digest for ref in self._store.refs() if ref.kind == kind)

    def drop(self, kind: str, digests: Iterable[str]) -> None:
        """Keep these models no longer."""
        for digest in digests:
            self._store.drop_ref(kind, digest)
