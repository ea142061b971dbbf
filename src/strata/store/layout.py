"""Where things lie in a store folder."""

from dataclasses import dataclass
from pathlib import Path

from strata.store.names import check_digest, check_name


@dataclass(frozen=True)
class Layout:
    """Paths of a store: `blobs/ab/<digest>`, `partial/<digest>`, `refs/<kind>/<name>`, `staging/<random>`, `lock`.

    All of them on one file system, because a rename is only atomic there.
    """

    root: Path

    @property
    def blobs(self) -> Path:
        """Complete blobs, in 256 folders by the first two digits of their digest."""
        return self.root / "blobs"

    @property
    def partials(self) -> Path:
        """Blobs that are still arriving."""
        return self.root / "partial"

    @property
    def refs(self) -> Path:
        """Named entries into the blobs."""
        return self.root / "refs"

    @property
    def staging(self) -> Path:
        """Temporary files of writers."""
        return self.root / "staging"

    @property
    def lock(self) -> Path:
        """Writers share this lock while they publish; the collector has it to itself."""
        return self.root / "lock"

    def blob(self, digest: str) -> Path:
        """Path of a complete blob; raises InvalidName."""
        return self.blobs / check_digest(digest)[:2] / digest

    def partial(self, digest: str) -> Path:
        """Path of an incomplete blob; raises InvalidName."""
        return self.partials / check_digest(digest)

    def ref(self, kind: str, name: str) -> Path:
        """Path of a ref; raises InvalidName."""
        return self.refs / check_name(kind) / check_name(name)
