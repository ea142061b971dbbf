"""Random sources: one for each purpose, so that one more draw here does not change what happens there."""

from random import Random


def chance(seed: int, *purpose: str) -> Random:
    """The source of that seed for that purpose."""
    return Random(f"{seed} {' '.join(purpose)}")  # noqa: S311 - no secret
