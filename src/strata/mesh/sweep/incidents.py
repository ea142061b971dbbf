"""What of a sweep is an incident, and when one is over."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.mesh.agent import ECH_CONFIG
from strata.mesh.sweep.kept import HOLD_BACK_SWEEPS
from strata.mesh.sweep.mend import Mended, change_sentence
from strata.mesh.sweep.sweep import Sweep, outdated

if TYPE_CHECKING:
    from strata.store import Incident, IncidentLog

PIPELINE = "mesh"
EXPIRY_SECONDS = 7 * 24 * 3600.0
OVERDUE_SECONDS = 3600.0  # of what its holder replaces by itself, and a clock may be off a little

DEAD, UNREACHABLE, SPLIT, CUT, BRIDGE, VERSION, EXPIRY, REVERTED = (
    "dead member", "member not reachable from the coordinator", "mesh in parts", "single member that cuts the mesh",
    "single link that cuts the mesh", "other version", "near expiry", "change taken back",
)  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """kind, who has it, and why."""

    kind: str
    subject: str
    detail: str


def troubles(sweep: Sweep) -> tuple[Trouble, ...]:
    """All that is wrong in this sweep."""
    discovery, weak = sweep.discovery, sweep.weak
    found = [
        Trouble(DEAD, name, "; ".join(filter(None, (f"nobody reaches it: {why}", discovery.hearsay(name)))))
        for name, why in ((name, discovery.silent[name]) for name in discovery.dead)
    ]
    for name, witnesses in sorted(discovery.seen_by.items()):
        if witnesses:
            why = f"{discovery.silent[name]}; {', '.join(witnesses)} can"
            found.append(Trouble(UNREACHABLE, name, why))
    if parts := weak.components[1:]:
        named = "; ".join(", ".join(part) for part in parts)
        found.append(Trouble(SPLIT, "mesh", f"cut off from {len(weak.components[0])} others: {named}"))
    found += [Trouble(CUT, name, "without it the mesh is in parts") for name in weak.articulation_points]
    if len(sweep.network.peers) > 2:  # of two, one may always be lost
        found += [Trouble(BRIDGE, f"{one} - {two}", "without it the mesh is in parts") for one, two in weak.bridges]
    states = discovery.states
    for name, most in sorted(outdated({name: state.version for name, state in states.items()}).items()):
        found.append(Trouble(VERSION, name, f"it runs {states[name].version}, most run {most}"))
    for name, state in states.items():
        for what, at in state.expiring.items():
            left = at - discovery.at
            if left < (-OVERDUE_SECONDS if what == ECH_CONFIG else EXPIRY_SECONDS):
                hours = abs(left) / 3600
                said = f"runs out in {hours:.0f} h" if left >= 0 else f"ran out {hours:.0f} h ago, or its clock is off"
                found.append(Trouble(EXPIRY, name, f"{what} {said}"))
    return tuple(found)


def settle(log: "IncidentLog", found: Iterable[Trouble], done: str, mesh_id: str) -> None:
    """Open an incident for each new trouble, and close those of this mesh that are over; done: what was done meanwhile.

    An incident that is open already stays the same one.
    """
    now = {(each.kind, each.subject): each for each in found}
    known = {(each.kind, each.subject): each for each in log.open_ones(PIPELINE) if _is_of(each, mesh_id)}
    for key, trouble in now.items():
        if key not in known:
            log.begin(
                pipeline=PIPELINE,
                kind=trouble.kind,
                subject=trouble.subject,
                detail=trouble.detail,
                figures={"mesh": mesh_id},
            )
    for key, incident in known.items():
        if key not in now:
            _end(log, incident, _over(incident.kind, done))


def write_down(log: "IncidentLog", mended: Mended, sweeps: int, mesh_id: str) -> None:
    """All incidents of a round: those it found at first, what became of them, and a change that was taken back.

    sweeps: of this mesh until now, with the round's. Of the first round only what it leaves is told: that a new mesh
    has no links yet is no trouble.
    """
    first = sweeps <= len(mended.sweeps)
    if not first or len(mended.sweeps) == 1:
        settle(log, troubles(mended.sweeps[0]), "", mesh_id)
    if len(mended.sweeps) > 1:
        settle(log, troubles(mended.sweeps[-1]), mended.done, mesh_id)
    if mended.reverted is not None and mended.judgement is not None and mended.applied is not None:
        tried, why = change_sentence(mended.applied.change), "; ".join(mended.judgement.reasons)
        key = log.begin(
            pipeline=PIPELINE, kind=REVERTED, subject="mesh", detail=f"{tried}: {why}", figures={"mesh": mesh_id}
        )
        log.resolve(key, f"the links are as they were, and these are not tried again for {HOLD_BACK_SWEEPS} sweeps")


def end_incidents(log: "IncidentLog", mesh_id: str, why: str) -> None:
    """End what is open of a mesh that is no more."""
    for incident in log.open_ones(PIPELINE):
        if _is_of(incident, mesh_id):
            _end(log, incident, why)


def _end(log: "IncidentLog", incident: "Incident", why: str) -> None:
    from strata.store import LedgerError

    with suppress(LedgerError):  # another coordinator has just done the same
        log.resolve(incident.id, why)


def _over(kind: str, done: str) -> str:
    """Why an incident is over: only what the change can mend is said to be mended by it."""
    by_change = kind in (SPLIT, CUT, BRIDGE) and done
    return done if by_change else "it is not found any more"


def _is_of(incident: "Incident", mesh_id: str) -> bool:
    return incident.figures.get("mesh") == mesh_id
