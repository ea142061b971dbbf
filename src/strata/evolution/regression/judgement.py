"""What the gate says: a verdict and everything it rests on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from strata.evolution.regression.policy import GatePolicy


class Verdict(StrEnum):
    """What to do with a candidate."""

    PROMOTE = "promote"
    REGRESS = "regress"
    INCONCLUSIVE = "inconclusive"


class State(StrEnum):
    """What is known of one domain."""

    SOUND = "sound"
    """It did not drop by its margin."""
    DROPPED = "dropped"
    OPEN = "open"


@dataclass(frozen=True)
class Finding:
    """The candidate against one reference in one domain.

    `difference`: mean of candidate minus reference, within `low` and `high` with confidence `Judgement.level`.
    `p_drop`: of a drop as large if there was none, adjusted for all domains; `p_margin`: of a difference as good if the
    drop was `margin`. `items_needed`: how many more items would likely settle the domain; 0 once it is settled.
    """

    domain: str
    items: int
    clusters: int
    reference_mean: float
    candidate_mean: float
    difference: float
    low: float
    high: float
    margin: float
    p_drop: float
    p_margin: float
    state: State
    items_needed: int


@dataclass(frozen=True)
class Overall:
    """The unweighted mean over domains of candidate minus baseline; `p_better`: of as much if it was not above 0.

    `items_needed`: how many more items a domain would likely show a gain of the policy's size; 0 once that is settled.
    """

    difference: float
    low: float
    high: float
    p_better: float
    better: bool
    items_needed: int


@dataclass(frozen=True)
class Judgement:
    """A verdict.

    `confidence`: 1 minus the bound on the probability of this verdict where it would be wrong; None when inconclusive.
    `affected`: domains that dropped. `missing`: why there is no promotion although nothing is known to have dropped, in
    sentences. `items`: used in all domains together. `level`: confidence of the intervals, which have two sides; each
    side alone is missed with half of what is left. `watched`: items were drawn until the verdict was clear, and
    intervals and p-values allow for it. `shifted`: domains in which the second detector saw scores move down.
    """

    verdict: Verdict
    confidence: float | None
    affected: tuple[str, ...]
    missing: tuple[str, ...]
    items: int
    domains: tuple[Finding, ...]
    anchor: tuple[Finding, ...]
    overall: Overall
    shifted: tuple[str, ...]
    level: float
    watched: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and dictionaries, for JSON."""
        return asdict(self)


def conclude(
    policy: GatePolicy,
    domains: Sequence[Finding],
    anchor: Sequence[Finding],
    overall: Overall,
    shifted: Sequence[str],
    *,
    watched: bool,
) -> Judgement:
    """The verdict that findings amount to.

    Regress: a domain dropped. Promote: every domain is sound, against the anchor too, the candidate is better overall
    and nothing shifted; as an intersection-union test this needs no correction for its many parts (Berger 1982).
    """
    affected = tuple(each.domain for each in domains if each.state is State.DROPPED)
    missing = () if affected else (*_missing(policy, domains, anchor, overall), *map(_shift, shifted))
    verdict = Verdict.REGRESS if affected else Verdict.INCONCLUSIVE if missing else Verdict.PROMOTE
    doubt = None
    if verdict is Verdict.REGRESS:
        doubt = min(each.p_drop for each in domains)
    elif verdict is Verdict.PROMOTE:
        doubt = max(overall.p_better, *(each.p_margin for each in (*domains, *anchor)))
    if doubt is not None and watched:  # at the cap the rule, not the last ratio, bounds the error
        doubt = min(doubt, policy.alpha if verdict is Verdict.REGRESS else max(policy.alpha, policy.beta))
    return Judgement(
        verdict=verdict,
        confidence=None if doubt is None else 1 - doubt,
        affected=affected,
        missing=missing,
        items=sum(each.items for each in domains),
        domains=tuple(domains),
        anchor=tuple(anchor),
        overall=overall,
        shifted=tuple(shifted),
        level=1 - 2 * policy.beta,
        watched=watched,
    )


def _missing(policy: GatePolicy, domains: Sequence[Finding], anchor: Sequence[Finding], overall: Overall) -> list[str]:
    found = [_undecided(policy, each, "") for each in domains if each.state is State.OPEN]
    for each in anchor:
        if each.state is State.DROPPED:
            found.append(f"{each.domain}: dropped by {-each.difference:.3f} against the anchor")
        elif each.state is State.OPEN:
            found.append(_undecided(policy, each, " against the anchor"))
    if not overall.better:
        more = f"; {overall.items_needed} more items a domain would likely show {policy.gain:+g}"
        span = f"{overall.difference:+.4f}, from {overall.low:+.4f} to {overall.high:+.4f}"
        found.append(f"not shown to be better overall ({span}){more if overall.items_needed else ''}")
    return found


def _undecided(policy: GatePolicy, finding: Finding, against: str) -> str:
    if finding.clusters < min(policy.fewest_clusters, finding.items):
        few = f"only {finding.clusters} clusters of items, where nothing is decided on less than"
        return f"{finding.domain}: undecided{against}; {few} {policy.fewest_clusters}"
    return f"{finding.domain}: undecided{against}; about {finding.items_needed} more items would settle it"


def _shift(domain: str) -> str:
    return f"{domain}: the scores' distribution moved down, by the second detector"
