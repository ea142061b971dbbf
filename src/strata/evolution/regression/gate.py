"""The gate as a state machine: pairs go in, a judgement comes out as soon as it is clear."""

from collections.abc import Iterable, Sequence

import numpy as np

from strata.evolution.regression.findings import Tested, findings
from strata.evolution.regression.intervals import watched_interval
from strata.evolution.regression.judgement import Finding, Judgement, Overall, conclude
from strata.evolution.regression.pairs import Pair, UnpairedScores
from strata.evolution.regression.policy import GatePolicy
from strata.evolution.regression.sequential import (
    NO,
    OPEN,
    PSEUDO,
    YES,
    Course,
    IntArray,
    advance,
    cap_of,
    drop_evidence,
    gain_evidence,
    ready,
    step_down,
    wanted,
)
from strata.evolution.regression.shift import shifted_domains
from strata.evolution.regression.summary import BoolArray, FloatArray, Summary
from strata.evolution.regression.tally import Tally, count, summarize


class Gate:
    """Judges one candidate while its items are drawn.

    Draw fresh items of the domains in `wanted`, `add` their pairs, until `add` returns a judgement; how many at a time
    is free, and the error rates of the policy hold for all looks together. Items must be drawn without regard to what
    they will show. `give_up` judges by what there is.
    """

    def __init__(self, policy: GatePolicy, domains: Sequence[str], *, anchor: bool = False) -> None:
        """`anchor`: every pair carries the anchor's score too, and a drop against it prevents promotion."""
        if not domains or len(set(domains)) < len(domains):
            raise ValueError("a gate needs at least one domain, each once")
        self.policy, self.domains = policy, tuple(domains)
        self._margins = policy.margins_of(domains)
        self._counted = {domain: Tally() for domain in domains}
        self._against = {domain: Tally() for domain in domains} if anchor else None
        self._course = Course.begin((len(domains),), anchor=anchor)
        # Against baseline and anchor, as of the look that settled a domain.
        self._evidence = np.zeros((2, len(domains)))
        self._better_evidence = 0.0
        self._items: set[tuple[str, str]] = set()
        self._summary = self._summaries()
        self._judgement: Judgement | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Domains of which more items could change the verdict; empty once there is one."""
        if self._judgement is not None:
            return ()
        return tuple(domain for domain, more in zip(self.domains, self._wanted(), strict=True) if more)

    def add(self, pairs: Iterable[Pair]) -> Judgement | None:
        """Take pairs; the judgement once it is clear, None before.

        Raises UnpairedScores, and takes none of them, for an item that was there before, one of a domain that is not
        judged, and one without an anchor's score where others have one.
        """
        if self._judgement is not None:
            raise ValueError("this candidate has been judged")
        pairs = tuple(pairs)
        self._check(pairs)
        count(pairs, self._counted)
        if self._against is not None:
            count(pairs, self._against, anchor=True)
        self._look()
        if not self._wanted().any():
            self._judgement = self._conclude()
        return self._judgement

    def give_up(self) -> Judgement:
        """The judgement by what there is: inconclusive where it is not clear yet."""
        self._judgement = self._judgement or self._conclude()
        return self._judgement

    def _check(self, pairs: Sequence[Pair]) -> None:
        new: set[tuple[str, str]] = set()
        for each in pairs:
            key = each.domain, each.item
            if each.domain not in self._counted:
                raise UnpairedScores(f"item {each.item!r} is of domain {each.domain!r}, which is not judged")
            if key in self._items or key in new:
                raise UnpairedScores(f"item {each.item!r} of domain {each.domain!r} came twice")
            if (each.anchor is None) != (self._against is None):
                has = "no anchor's score" if each.anchor is None else "an anchor's score, but there is no anchor"
                raise UnpairedScores(f"item {each.item!r} of domain {each.domain!r} has {has}")
            new.add(key)
        self._items |= new

    def _look(self) -> None:
        self._summary = summary, against = self._summaries()
        before = self._course
        self._course = advance(before, summary, against, self._margins, self.policy)
        ratios = [drop_evidence(each, self._margins) for each in (summary, against or summary)]
        self._evidence = np.where(np.array([before.sound, before.anchored]) == OPEN, ratios, self._evidence)
        if before.better == OPEN:
            self._better_evidence = float(gain_evidence(summary, self.policy.gain))

    def _summaries(self) -> tuple[Summary, Summary | None]:
        against = None if self._against is None else summarize(self._against.values())
        return summarize(self._counted.values()), against

    def _wanted(self) -> BoolArray:
        return wanted(self._course, *self._summary, self._margins, self.policy)

    def _conclude(self) -> Judgement:
        summary, against = self._summary
        evidence = np.where(ready(summary, self.policy), self._evidence[0], -np.inf)
        sound = step_down(self._course.sound, evidence, self.policy)
        found = self._findings(self._counted, summary, sound, self._evidence[0])
        anchored: tuple[Finding, ...] = ()
        if self._against is not None and against is not None:
            anchored = self._findings(self._against, against, self._course.anchored, self._evidence[1])
        shifted = shifted_domains(self._counted, self.policy.shift_share)
        return conclude(self.policy, found, anchored, self._overall(summary), shifted, watched=True)

    def _findings(
        self, counted: dict[str, Tally], summary: Summary, states: IntArray, evidence: FloatArray
    ) -> tuple[Finding, ...]:
        variance = summary.variance(PSEUDO)
        low, high = watched_interval(summary.difference, variance, self._margins, 1 - 2 * self.policy.beta)
        # A likelihood ratio ever exceeds 1/p with probability p at most (Ville 1939); nearly so, with a variance that
        # is estimated.
        p_drop = np.minimum(len(counted) * np.exp(-np.maximum(evidence, 0)), 1.0)
        p_margin = np.exp(np.minimum(evidence, 0))
        needed = cap_of(summary, self._margins, self.policy) - summary.items
        tested = Tested(low, high, p_drop, p_margin, states == YES, states == NO, needed)
        return findings(counted, summary, self._margins, tested)

    def _overall(self, summary: Summary) -> Overall:
        mean, variance = float(summary.difference.mean()), summary.variance(PSEUDO).mean() / len(self.domains)
        spread = np.asarray(self.policy.gain)
        low, high = watched_interval(np.asarray(mean), np.asarray(variance), spread, 1 - 2 * self.policy.beta)
        p_better = float(np.exp(-max(self._better_evidence, 0.0)))
        settled = self._course.better != OPEN
        items = float(summary.items.mean())
        needed = 0 if settled else int(max(1, self.policy.gain_items(float(variance) * items) - items))
        return Overall(mean, float(low), float(high), p_better, bool(self._course.better == YES), needed)
