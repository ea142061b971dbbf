"""The shard a node holds: taken in tensor by tensor into its store, verified, then loaded.

Everything here blocks (disk, tensors): the node calls it from its worker threads.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from strata.inference.decoder.stage import Stage
from strata.inference.node.sources import TensorSource
from strata.inference.protocol.manifest import Manifest, TensorDigest, TensorRefused
from strata.inference.protocol.messages import WANT_AT_ONCE, Chunk, Wanted
from strata.store import BlobCorrupt, PartialBlob, Store, StoreError


class Intake:
    """Receives the tensors of a manifest that the store lacks. Holds one open blob and no more than a chunk of it."""

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self._store = store
        self._tensors = {tensor.name: tensor for tensor in manifest.tensors}
        self._blob: PartialBlob | None = None
        self._name = ""
        self._stack = ExitStack()

    def wanted(self) -> tuple[Wanted, ...]:
        """What to send next and from which byte on; empty when everything is there."""
        found: list[Wanted] = []
        for tensor in self._lacking():
            if len(found) == WANT_AT_ONCE:
                break
            offset = self._offset(tensor)
            if offset is not None:
                found.append(Wanted(name=tensor.name, offset=offset))
        return tuple(found)

    def take(self, chunk: Chunk, data: memoryview) -> bool:
        """Write the next piece; True when it completed its tensor. Raises TensorRefused, PartialBusy."""
        tensor = self._tensors.get(chunk.name)
        if tensor is None:
            raise TensorRefused(chunk.name, "the manifest does not list it")
        if self._blob is None or self._name != chunk.name:
            self.close()
            self._blob = self._stack.enter_context(self._store.partial(tensor.sha256, tensor.nbytes))
            self._name = chunk.name
        blob = self._blob
        if chunk.offset != blob.offset or not data:
            raise TensorRefused(chunk.name, f"a piece for byte {chunk.offset} came where byte {blob.offset} was due")
        try:
            blob.write(data)
            if blob.offset < tensor.nbytes:
                return False
            blob.commit()
        except BlobCorrupt as error:
            raise TensorRefused(chunk.name, "its SHA-256 is not the manifest's; it was altered on the way") from error
        except StoreError as error:
            raise TensorRefused(chunk.name, str(error)) from error
        self.close()
        return True

    def close(self) -> None:
        """Let go of the open blob; what has arrived of it stays for the next time."""
        self._blob = None
        self._stack.close()

    def _lacking(self) -> Iterator[TensorDigest]:
        seen: set[str] = set()
        for tensor in self._tensors.values():
            if tensor.sha256 in seen or self._store.has(tensor.sha256):
                continue
            seen.add(tensor.sha256)
            if tensor.nbytes == 0:
                self._store.put(b"")
                continue
            yield tensor

    def _offset(self, tensor: TensorDigest) -> int | None:
        """Where to go on with a tensor; None where all of it had arrived and only the last step was not taken."""
        path = self._store.layout.partial(tensor.sha256)
        size = path.stat().st_size if path.exists() else 0
        if size < tensor.nbytes:
            return size
        with self._store.partial(tensor.sha256, tensor.nbytes) as blob:
            if blob.offset < tensor.nbytes:
                return blob.offset
            try:
                blob.commit()
            except BlobCorrupt:
                return 0
        return None


def load_stage(stage: Stage, manifest: Manifest, store: Store, ended: Callable[[], bool] = lambda: False) -> None:
    """Fill the built stage from the store, until `ended` says before a tensor that nobody wants it any more.

    Raises TensorRefused naming a tensor whose blob has rotted, MissingWeights where the manifest lacks one, LoadEnded.
    """
    stage.load(TensorSource.of_store(store, manifest, ended), [tensor.name for tensor in manifest.tensors])


def keep_blobs(manifest: Manifest, store: Store) -> None:
    """Keep the manifest's blobs, and no other shard's, from being collected."""
    digests = [tensor.sha256 for tensor in manifest.tensors]
    store.set_ref("shard", manifest.shard, store.put(manifest.body), needs=digests)
    for ref in list(store.refs()):
        if ref.kind == "shard" and ref.name != manifest.shard:
            store.drop_ref(ref.kind, ref.name)
