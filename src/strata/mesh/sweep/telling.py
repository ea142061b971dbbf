"""A sweep in sentences and rows, for a terminal, a page, or an artifact."""

import math
from collections.abc import Mapping, Sequence

from strata.mesh.network import Quality, pair
from strata.mesh.sweep.found import Discovery, MemberState
from strata.mesh.sweep.mend import Mended, change_sentence
from strata.mesh.sweep.sweep import Sweep

Row = Mapping[str, str]


def sweep_sentence(sweep: Sweep) -> str:
    """Who is there, and how well the mesh hangs together."""
    weak, network = sweep.weak, sweep.network
    alive, members = len(network.peers), len(sweep.discovery.members)
    said = f"{alive} of {members} members live, {len(network.links)} links"
    if len(weak.components) > 1:
        return f"{said}: the mesh is in {len(weak.components)} parts"
    if alive < 3:  # of two, one may always be lost
        return said
    if weak.articulation_points:
        return f"{said}: the loss of {_listed(weak.articulation_points)} would cut it"
    if weak.bridges:
        return f"{said}: the loss of the link {' - '.join(weak.bridges[0])} would cut it"
    return f"{said}: it bears the loss of any {weak.vertex_connectivity - 1}"


def mended_sentences(mended: Mended) -> tuple[str, ...]:
    """What was found, what was changed, and what became of it."""
    said = [sweep_sentence(mended.sweeps[0])]
    if mended.applied is None:
        return tuple(said)
    if mended.applied.change:
        left = "" if mended.before is None else "left unjudged by an earlier sweep: "
        said.append(f"{left}{change_sentence(mended.applied.change)}")
    said += [f"{one} - {other} could not be changed: {why}" for (one, other), why in mended.applied.failed.items()]
    if mended.judgement is None:
        return tuple(said)
    said.append(sweep_sentence(mended.sweeps[-1]))
    reasons = f": {'; '.join(mended.judgement.reasons)}" if mended.judgement.reasons else ""
    said.append(f"the change is {'kept' if mended.reverted is None else 'taken back'}{reasons}")
    return tuple(said)


def peer_rows(sweep: Sweep) -> tuple[Row, ...]:
    """A row for each member."""
    rows = []
    for name in sweep.discovery.members:
        state = sweep.discovery.states.get(name)
        others = sorted(sweep.network.neighbours.get(name, ()))
        links = [sweep.network.links[pair(name, other)] for other in others]
        rows.append({
            "member": name,
            "state": _state(sweep, name),
            "version": state.version if state else "",
            "neighbours": ", ".join(others),
            "round trip": _best(links),
            "throughput": _rate(links),
            "loss": f"{max(link.loss for link in links):.0%}" if links else "",
        })  # fmt: skip
    return tuple(rows)


def state_rows(discovery: Discovery) -> tuple[Row, ...]:
    """A row for each member, of what it said without being probed."""
    rows = []
    for name in discovery.members:
        state = discovery.states.get(name, MemberState(name))
        rtts = [rtt for rtt in state.neighbours.values() if rtt is not None]
        rows.append({
            "member": name,
            "state": f"silent: {discovery.silent[name]}" if name in discovery.silent else "alive",
            "version": state.version,
            "device": state.device if name in discovery.states else "",
            "neighbours": ", ".join(sorted(state.neighbours)),
            "round trip": f"{1000 * min(rtts):.1f} ms" if rtts else "",
        })  # fmt: skip
    return tuple(rows)


def _state(sweep: Sweep, name: str) -> str:
    if name in sweep.discovery.dead:
        return "dead"
    if name in sweep.discovery.silent:
        return f"seen by {_listed(sweep.discovery.seen_by[name])}"
    return "weak spot" if name in sweep.weak.articulation_points else "alive"


def _best(links: Sequence[Quality]) -> str:
    return f"{1000 * min(link.rtt_seconds for link in links):.1f} ms" if links else ""


def _rate(links: Sequence[Quality]) -> str:
    known = [link.bytes_per_second for link in links if math.isfinite(link.bytes_per_second)]
    return f"{max(known) / (1 << 20):,.0f} MiB/s" if known else ""


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
