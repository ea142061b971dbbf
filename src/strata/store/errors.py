"""What can go wrong in the store and the ledger; every message names the thing and what to do about it."""

from strata.errors import StrataError


class StoreError(StrataError):
    """Base of all errors of the store and the ledger."""


class InvalidName(StoreError):
    """A digest, kind or name that must not become a file name."""


class BlobMissing(StoreError):
    """The store holds no blob of that digest. where: which store, where there are several."""

    def __init__(self, digest: str, where: str = "the store") -> None:
        super().__init__(f"blob {digest} is not in {where}; fetch or produce it again")
        self.digest = digest


class BlobCorrupt(StoreError):
    """Bytes that do not have the digest, or the size, they are named by."""

    def __init__(self, digest: str, reason: str) -> None:
        super().__init__(f"blob {digest} is corrupt: {reason}")
        self.digest = digest


class PartialBusy(StoreError):
    """Another writer, in this process or another one, holds the partial blob."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"blob {digest} is being written by somebody else; try again when that transfer has ended")
        self.digest = digest


class RefCorrupt(StoreError):
    """A ref file that is not what the store wrote; nothing is collected until it is mended or removed."""


class LedgerError(StoreError):
    """The ledger's database cannot be used: wrong schema version, unknown run, no driver."""


class PointerMoved(LedgerError):
    """A compare-and-swap lost: the pointer no longer stands where the caller believed it to stand."""

    def __init__(self, name: str, expected: str | None, found: str | None) -> None:
        super().__init__(f"pointer {name!r} stands at {found}, not at {expected}; read it again before moving it")
        self.name, self.expected, self.found = name, expected, found
