"""Whether models number their tokens alike."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path


def vocabulary(folder: Path) -> str | None:
    """A digest of the tokens and their numbers by the folder's tokenizer.json; None where there is none to be read."""
    file = folder / "tokenizer.json"
    try:
        status = file.stat()
        return _of_file(file, status.st_ino, status.st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _of_file(file: Path, _inode: int, _changed: int) -> str:
    fields = json.loads(file.read_bytes())
    tokens = fields["model"]["vocab"]
    pairs = list(tokens.items()) if isinstance(tokens, dict) else [(str(t[0]), i) for i, t in enumerate(tokens)]
    pairs += [(added["content"], added["id"]) for added in fields.get("added_tokens") or ()]
    return hashlib.sha256(json.dumps(sorted(set(pairs))).encode()).hexdigest()
