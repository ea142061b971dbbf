"""The whole round: sweep, change what is weak, sweep again, and keep the change or take it back.

A change is written down before it is made. Where the coordinator dies before it has judged it, the next round does so
first, and that is all it does.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import trio

from strata.mesh.network import Network
from strata.mesh.sweep.coordinator import Applied, Coordinator
from strata.mesh.sweep.decide import Change, Judgement, judge
from strata.mesh.sweep.found import Discovery, Probes
from strata.mesh.sweep.kept import Kept, Pending
from strata.mesh.sweep.plan import plan_probes
from strata.mesh.sweep.sweep import Sweep, conclude
from strata.mesh.sweep.topology import Topology, is_weak

SURVIVE = 1


@dataclass(frozen=True)
class Mended:
    """sweeps: the first, and those after the change.

    applied: None where nothing was to be changed. judgement: None where nothing was. reverted: None where that stays.
    before: the mesh before a change that an earlier round has left; all sweeps are after it then.
    """

    sweeps: tuple[Sweep, ...]
    applied: Applied | None = None
    judgement: Judgement | None = None
    reverted: Applied | None = None
    before: Network | None = None

    @property
    def unsettled(self) -> bool:
        """Whether a change was made of which nobody knows yet that it helped."""
        made = self.applied is not None and bool(self.applied.change)
        return made and (self.judgement is None or self.judgement.verdict == "look again")

    @property
    def is_worse(self) -> bool:
        """Whether the change is to be taken back."""
        return self.judgement is not None and self.judgement.verdict == "revert"

    def with_look(self, sweep: Sweep, topology: Topology) -> "Mended":
        """After one more sweep, with the judgement that all of them give."""
        assert self.applied is not None
        sweeps = (*self.sweeps, sweep)
        seen = [each.network for each in sweeps]
        before, *looks = seen if self.before is None else (self.before, *seen)
        found = judge(before, looks, self.applied.change, topology.diagnose)
        return replace(self, sweeps=sweeps, judgement=found)

    @property
    def done(self) -> str:
        """What was changed, in a sentence; empty where nothing was, or where it was taken back."""
        return "" if self.applied is None or self.reverted is not None else change_sentence(self.applied.change)

    def figures(self, mesh_id: str) -> dict[str, Any]:
        """For the ledger, and for programs."""
        change = self.applied.change if self.applied else Change()
        failed = self.applied.failed if self.applied else {}
        return {
            "mesh": mesh_id,
            "sweeps": [sweep.figures() for sweep in self.sweeps],
            "added": [list(ends) for ends in change.add],
            "dropped": [list(ends) for ends in change.drop],
            "failed": [[*ends, reason] for ends, reason in failed.items()],
            "verdict": self.judgement.verdict if self.judgement else None,
            "reasons": list(self.judgement.reasons) if self.judgement else [],
            "compared": self.judgement.figures if self.judgement else {},
            "reverted": self.reverted is not None,
        }


def change_for(sweep: Sweep, topology: Topology, survive: int = SURVIVE) -> Change:
    """What to change; nothing in a mesh that bears the loss of any `survive` members, lest noise move links about."""
    if not is_weak(sweep.weak, sweep.network, survive):
        return Change()
    proposal = topology.propose(sweep.network, survive)
    return Change(proposal.add, proposal.drop)


def finish(
    kept: Kept, discovery: Discovery, probes: Probes, topology: Topology, *, seconds: float
) -> tuple[Sweep, Kept]:
    """The sweep that these findings make, and what is kept after it."""
    sweep, known = conclude(
        kept.sweeps, discovery, probes, kept.known, topology, seconds=seconds, held_back=kept.held_back
    )
    return sweep, replace(kept, sweeps=kept.sweeps + 1, known=known)


def begun(kept: Kept, change: Change, sweep: Sweep) -> Kept:
    """Remember that this change is being made to the mesh that the sweep found: to be written down before it is."""
    return replace(kept, pending=Pending(change, sweep.network))


def unjudged(kept: Kept) -> Mended | None:
    """The change that an earlier round has left, to be judged; nothing of it failed as far as anybody knows."""
    if kept.pending is None:
        return None
    return Mended((), Applied(kept.pending.change, {}), before=kept.pending.before)


def settled(kept: Kept) -> Kept:
    """Remember that the change stays."""
    return replace(kept, pending=None)


def taken_back(kept: Kept, change: Change) -> Kept:
    """Remember that this change made the mesh worse."""
    return replace(settled(kept), taken_back={**kept.taken_back, **dict.fromkeys(change.add, kept.sweeps)})


async def look(coordinator: Coordinator, kept: Kept, topology: Topology) -> tuple[Sweep, Kept]:
    """One sweep; what it finds is written down nowhere yet."""
    start = trio.current_time()
    discovery = await coordinator.discover(kept.sweeps)
    planned = plan_probes(discovery.members, discovery.links, kept.sweeps, able=discovery.states)
    probes = await coordinator.probe(planned)
    return finish(kept, discovery, probes, topology, seconds=trio.current_time() - start)


def _forget(kept: Kept) -> None:
    """Written down nowhere: a coordinator that dies leaves its change."""


async def sweep_and_mend(
    coordinator: Coordinator,
    kept: Kept,
    topology: Topology,
    *,
    mend: bool = True,
    survive: int = SURVIVE,
    write: Callable[[Kept], None] = _forget,
) -> tuple[Mended, Kept]:
    """The whole round; with `mend` off it only looks. write: writes down what is kept, before a change is made."""
    mended = unjudged(kept) if mend else None
    if mended is None:
        first, kept = await look(coordinator, kept, topology)
        change = change_for(first, topology, survive) if mend else Change()
        if not change:
            return Mended((first,)), kept
        kept = begun(kept, change, first)
        write(kept)
        mended = Mended((first,), await coordinator.apply(change))
    while mended.unsettled:
        sweep, kept = await look(coordinator, kept, topology)
        mended = mended.with_look(sweep, topology)
    if mended.is_worse and mended.applied is not None:
        change = mended.applied.change
        return replace(mended, reverted=await coordinator.apply(change.undone)), taken_back(kept, change)
    return mended, settled(kept)


def change_sentence(change: Change) -> str:
    """A change in words, as far as a line has room for it."""
    parts = []
    for word, pairs in (("linked", change.add), ("unlinked", change.drop)):
        if pairs:
            named = ", ".join(f"{one} - {other}" for one, other in pairs[:6])
            parts.append(f"{word} {named}{f' and {len(pairs) - 6} more' if len(pairs) > 6 else ''}")
    return "; ".join(parts)
