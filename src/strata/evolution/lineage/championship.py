"""Who is champion, and the ways for that to change: promotion, approval, rollback.

The order is always the same: verify every byte, keep the files by a ref, move the pointer in one transaction with all
that explains the move, drop refs that are not needed any more. Killed at any point, the champion is the old one or the
new one, and whole; the next change tidies up.
"""

import json
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Literal

from strata.closing import Closing
from strata.evolution.lineage import choice
from strata.evolution.lineage.errors import NeedsApproval, NoChampion, StaleProposal
from strata.evolution.lineage.kept import CHAMPION_REF, PROPOSED_REF, Kept
from strata.evolution.lineage.mending import PIPELINE, Mending
from strata.evolution.lineage.rebuilding import Merge, Remaking
from strata.evolution.lineage.rollback import Rollback, candidates, first_sound
from strata.evolution.models import ModelManifest, open_model
from strata.store import (
    CHAMPION,
    Approval,
    Approvals,
    ChampionLog,
    Change,
    Explanation,
    IncidentLog,
    Ledger,
    Lineage,
    PointerMoved,
    Store,
)


class Championship(Closing):
    """The champion of a store and ledger (its URL, or an open one). Close it, or use it as a context.

    depth: so many former good champions keep their files; of older ones those that `merge`, if given, can rebuild go.
    manual: nothing is promoted without approval.
    """

    def __init__(
        self, store: Store, ledger: str | Ledger, *, depth: int = 3, merge: Merge | None = None, manual: bool = False
    ) -> None:
        self._log = ChampionLog(ledger)
        self._store, self._kept = store, Kept(store, self._log)
        self._depth, self._manual = depth, manual
        self._approvals, self._incidents = Approvals(self._log), IncidentLog(self._log)
        self._lineage = Lineage(self._log)
        self._remaking = Remaking(store, self._lineage, merge)
        self._mending = Mending(self._remaking, self._incidents, self._incident)

    def close(self) -> None:
        """Close the connections to the ledger."""
        self._log.close()

    def standing(self) -> Change | None:
        """The champion, with how it became one; None where there is none."""
        return next(iter(self._log.history()), None)

    def mend(self) -> Rollback | None:
        """Have the champion whole: made again from its recipe, or else the last good one before it in its place.

        Returns that rollback; an incident tells of the damage and what was done. Raises NoSoundChampion.
        """
        standing = self.standing()
        return None if standing is None else self._mending.champion(standing.digest, self.rollback)

    def restore(self, model: str) -> None:
        """Have a model of the lineage whole, made again from its recipe where it is damaged; an incident tells of it.

        Raises what `verify_model` raises.
        """
        self._mending.whole(model)

    def history(self) -> tuple[Change, ...]:
        """Every change of the champion, the latest first."""
        return self._log.history()

    def promote(
        self,
        candidate: str,
        *,
        expected: str | None,
        reason: str,
        judgement: Mapping[str, Any] | None = None,
        generation: int | None = None,
    ) -> Change:
        """Make `candidate` champion in the place of `expected`, against whom it was judged; None: there is none.

        Repeating it does no harm. Raises NeedsApproval in manual mode, PointerMoved where another is champion, and what
        `verify_model` raises; the champion stays then.
        """
        if self._manual:
            raise NeedsApproval("nothing is promoted without approval in manual mode; propose the candidate instead")
        why = Explanation("promotion", reason, generation, self._put(judgement))
        manifest = self._mending.whole(candidate)
        try:
            return self._install(manifest, expected, why)
        except PointerMoved:
            latest = self.standing()  # moved by an earlier attempt, if it stands where this one wants it
            if latest is None or (latest.digest, latest.previous, latest.kind) != (candidate, expected, "promotion"):
                raise
            return latest

    def propose(
        self, candidate: str, *, expected: str | None, judgement: Mapping[str, Any], generation: int | None = None
    ) -> int:
        """Have a person decide on `candidate`; returns the question's id. Its files are kept until they have.

        Raises what `verify_model` raises.
        """
        manifest = self._mending.whole(candidate)
        with self._kept.alone():
            self._kept.keep(PROPOSED_REF, manifest)
            return self._approvals.propose(candidate, expected, judgement, generation)

    def approve(self, approval_id: int, by: str, reason: str = "approved") -> Change:
        """Promote a proposed candidate. Repeating it does no harm.

        Raises LedgerError where it is unknown or rejected, StaleProposal where the champion is another one since, and
        what `verify_model` raises; the champion stays then.
        """
        approval = self._approvals.get(approval_id)
        if approval.state == "approved":
            return self._after(approval)
        judged = self._put(approval.judgement)
        why = Explanation("promotion", reason, approval.generation, judged, approval=(approval_id, by))
        try:
            return self._install(self._mending.whole(approval.candidate), approval.champion, why)
        except PointerMoved as error:
            raise StaleProposal(
                f"proposal {approval_id} was judged against {_short(approval.champion)}, the champion is "
                f"{_short(error.found)} now; reject it, and have the candidate judged again"
            ) from error

    def reject(self, approval_id: int, by: str, reason: str) -> None:
        """Decide against a candidate. Raises LedgerError unless it is pending."""
        self._approvals.reject(approval_id, by, reason)
        with self._kept.alone():
            self._tidy()

    def rollback(
        self,
        to: str | int | None = None,
        *,
        reason: str,
        kind: Literal["regression", "rollback"] = "rollback",
        expected: str | None = None,
        figures: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> Rollback:
        """Put a former champion in the place of the present one.

        to: None for the last good champion before the present one; a generation for its champion; or a digest, or the
        beginning of one, of a former champion. A champion that was left for a regression is only chosen by its digest.
        What is not whole is passed over for the next older one, unless it was asked for by its digest or can be
        rebuilt; an incident says so. kind: "regression" holds against the champion that is left that it became worse.
        expected: do nothing but return the change that was made where this champion was rolled back already. dry_run:
        verify, but change and rebuild nothing. The incident of this kind about the champion that is left is resolved,
        one is opened for it where there is none.

        Raises NoChampion, NoSoundChampion, UnknownModel, and PointerMoved where the champion is neither `expected` nor
        what took its place.
        """
        started = perf_counter()
        history = self._log.history()
        if not history:
            raise NoChampion("there is no champion to roll back from")
        left = history[0].digest
        if expected is not None and left != expected:
            return self._rolled_back(expected, started)
        choices = candidates(history, to)
        incident = None if dry_run else self._incident(kind, left, reason, figures or {})
        remake = self._remaking.hindrance if dry_run else self._remaking.remake
        target = first_sound(self._store, choices, remake, insist=to is not None)
        digest, generation = target.promotion.digest, target.promotion.generation
        change = None
        if incident is not None:
            for damaged, wrong in target.passed_over:
                self._mending.begin(damaged, wrong)
            resolved = (incident, f"rolled back to {digest}")
            why = Explanation(kind, reason, generation, figures=figures or {}, incident=resolved)
            try:
                change = self._install(open_model(self._store, digest), left, why)
            except PointerMoved:
                for open_one in self._incidents.open_ones(PIPELINE, kind, left):
                    self._incidents.abandon(open_one.id, "another change of the champion came first")
                return self._rolled_back(left, started)
        seconds = perf_counter() - started
        return Rollback(left, digest, generation, change, target.passed_over, target.rebuilt, seconds)

    def _rolled_back(self, left: str, started: float) -> Rollback:
        """The rollback from `left` that somebody else, or an earlier attempt, has made. Raises PointerMoved."""
        change = self._log.history()[0]
        if change.previous != left or change.kind == "promotion":
            raise PointerMoved(CHAMPION, left, change.digest)
        return Rollback(left, change.digest, change.generation, change, (), False, perf_counter() - started)

    def _install(self, manifest: ModelManifest, expected: str | None, why: Explanation) -> Change:
        with self._kept.alone():
            latest = self.standing()
            if why.approval is None and latest is not None and latest.digest == manifest.digest == expected:
                return latest
            self._kept.keep(CHAMPION_REF, manifest)
            try:
                self._log.move(manifest.digest, expected=expected, why=why)
            finally:
                self._tidy()
            self._mending.settle(manifest.digest, "all its files are whole")
            return self._log.history()[0]

    def _tidy(self) -> None:
        history = self._log.history()
        former = [change.digest for change in choice.good_champions(history) if change.digest != history[0].digest]
        loose = self._kept.kept(CHAMPION_REF) - {*(change.digest for change in history[:1]), *former[: self._depth]}
        # Founders are kept by refs of their own and children can be rebuilt; of another this may be the only copy.
        family = {record.digest for record in self._lineage.find_all(tuple(loose))}
        self._kept.drop(CHAMPION_REF, family | loose - {change.digest for change in history})
        pending = {approval.candidate for approval in self._approvals.pending()}
        self._kept.drop(PROPOSED_REF, self._kept.kept(PROPOSED_REF) - pending)

    def _incident(self, kind: str, subject: str, detail: str, figures: Mapping[str, Any]) -> int:
        """The open incident of this kind and subject, opened now if there is none."""
        with self._kept.alone():
            for incident in self._incidents.open_ones(PIPELINE, kind, subject):
                return incident.id
            return self._incidents.begin(pipeline=PIPELINE, kind=kind, subject=subject, detail=detail, figures=figures)

    def _after(self, approval: Approval) -> Change:
        wanted = (approval.candidate, approval.champion, "promotion")
        with self._kept.alone():
            self._tidy()
        return next(c for c in self._log.history() if (c.digest, c.previous, c.kind) == wanted)

    def _put(self, judgement: Mapping[str, Any] | None) -> str | None:
        return None if judgement is None else self._store.put(json.dumps(judgement, sort_keys=True).encode())


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
