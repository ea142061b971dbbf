"""Results of several models on the same items, brought together; nothing is guessed where they do not match."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strata.errors import StrataError
from strata.evolution.scores import ItemScore


class UnpairedScores(StrataError):
    """Results that do not belong to the same items; says which side and which item."""


@dataclass(frozen=True)
class Pair:
    """One item's score by the baseline, by the candidate, and by the anchor where there is one."""

    domain: str
    item: str
    cluster: str | None
    baseline: float
    candidate: float
    anchor: float | None = None


def pair(
    baseline: Sequence[ItemScore],
    candidate: Sequence[ItemScore],
    anchor: Sequence[ItemScore] | None = None,
    *,
    names: tuple[str, str, str] = ("the baseline", "the candidate", "the anchor"),
) -> tuple[Pair, ...]:
    """Join by domain and item, in the baseline's order.

    Raises UnpairedScores, which calls the sides by `names`, for an item that is twice on a side, is missing on one, or
    is said to be in different clusters.
    """
    first, second = _by_item(baseline, names[0]), _by_item(candidate, names[1])
    third = _by_item(anchor, names[2]) if anchor is not None else None
    for other, name in ((second, names[1]), (third, names[2])):
        if other is not None:
            _compare(first, other, names[0], name)
    return tuple(
        Pair(*key, score.cluster, score.score, second[key].score, third[key].score if third else None)
        for key, score in first.items()
    )


_Items = dict[tuple[str, str], ItemScore]


def _by_item(scores: Iterable[ItemScore], name: str) -> _Items:
    found: _Items = {}
    for score in scores:
        key = score.domain, score.item
        if key in found:
            raise UnpairedScores(f"{name} has item {score.item!r} of domain {score.domain!r} twice")
        found[key] = score
    return found


def _compare(first: _Items, second: _Items, first_name: str, second_name: str) -> None:
    for one, other, name, against in (
        (first, second, second_name, first_name),
        (second, first, first_name, second_name),
    ):
        if domains := {domain for domain, _ in one} - {domain for domain, _ in other}:
            raise UnpairedScores(f"{name} lacks domain {min(domains)!r}, which {against} has")
        if missing := sorted(one.keys() - other.keys()):
            domain, item = missing[0]
            raise UnpairedScores(f"{name} lacks {len(missing)} item(s) of {against}, such as {item!r} of {domain!r}")
    for key, score in first.items():
        if score.cluster != second[key].cluster:
            raise UnpairedScores(
                f"item {key[1]!r} of domain {key[0]!r} is in cluster {score.cluster!r} by {first_name}, "
                f"in {second[key].cluster!r} by {second_name}"
            )
