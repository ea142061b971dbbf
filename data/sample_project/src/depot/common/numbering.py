"""Numbers of documents: a prefix and a count without gaps."""

from itertools import count


class Numbering:
    """Hands out `INV-0001`, `INV-0002` and so on."""

    def __init__(self, prefix: str, first: int = 1) -> None:
        if not prefix.isalpha():
            raise ValueError(f"a prefix has letters only, not {prefix!r}")
        self._prefix = prefix.upper()
        self._numbers = count(first)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._numbers):04d}"
