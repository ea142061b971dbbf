"""Which former champions a rollback may choose; pure, over the history of changes (the latest first).

A champion is *tainted* when it was left for a regression and not promoted again since: a person may name it, but no
rollback comes to it by itself.
"""

from collections.abc import Sequence

from strata.store import Change


def tainted(history: Sequence[Change]) -> frozenset[str]:
    """Champions left for a regression since their last promotion."""
    found: set[str] = set()
    for change in reversed(history):
        if change.kind == "promotion":
            found.discard(change.digest)
        elif change.kind == "regression" and change.previous is not None:
            found.add(change.previous)
    return frozenset(found)


def good_champions(history: Sequence[Change]) -> tuple[Change, ...]:
    """The latest promotion of every champion that is not tainted, the latest first."""
    bad = tainted(history)
    latest: dict[str, Change] = {}
    for change in history:
        if change.kind == "promotion" and change.digest not in bad:
            latest.setdefault(change.digest, change)
    return tuple(latest.values())


def older_than(history: Sequence[Change], present: str) -> tuple[Change, ...]:
    """Good champions promoted before `present` was, the latest first: rolling back twice goes back two steps."""
    own = (change.revision for change in history if change.digest == present and change.kind == "promotion")
    limit = next(own, None)
    return tuple(
        change
        for change in good_champions(history)
        if change.digest != present and (limit is None or change.revision < limit)
    )


def of_generation(history: Sequence[Change], generation: int) -> tuple[Change, ...]:
    """Good champions promoted in this generation or before it, the latest first: the first was champion after it.

    A promotion without a generation, as of the first champion, is older than all generations.
    """
    found = (change for change in good_champions(history) if (change.generation or 0) <= generation)
    return tuple(sorted(found, key=lambda change: (change.generation or 0, change.revision), reverse=True))


def of_digest(history: Sequence[Change], prefix: str) -> tuple[Change, ...]:
    """The latest promotion of every champion, tainted or not, whose digest begins so."""
    latest: dict[str, Change] = {}
    for change in history:
        if change.kind == "promotion" and change.digest.startswith(prefix):
            latest.setdefault(change.digest, change)
    return tuple(latest.values())
