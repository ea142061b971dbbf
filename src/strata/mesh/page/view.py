"""What a browser is shown of the mesh, as one JSON document that is bounded however large the mesh is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from strata.mesh.network import pair
from strata.mesh.sweep import Moment, Sweep, sweep_sentence, uptime
from strata.secure import BROWSER, Member, Membership

MAX_LINKS = 2000  # beyond them no picture can be read


@dataclass(frozen=True)
class MeshView:
    """The mesh as it was when its members were last asked, and how whole it was in the sweeps of the past."""

    membership: Membership
    sweep: Sweep
    past: Sequence[Moment] = ()

    def to_json(self, here: Collection[str] = ()) -> dict[str, Any]:
        """As data for `json`. here: peer ids of the browsers that are connected to who tells this.

        `links` has those first whose loss would cut the mesh, and no more than MAX_LINKS of `links_in_all`.
        """
        share = uptime(self.past)
        links = self._links()
        return {
            "mesh": self.membership.mesh_id,
            "at": self.sweep.discovery.at,
            "sentence": sweep_sentence(self.sweep),
            "members": [self._member(member, here) for member in sorted(self.membership.members, key=lambda m: m.name)],
            "links": links[:MAX_LINKS],
            "links_in_all": len(links),
            "uptime": None if share is None else {"share": share, "sweeps": len(self.past)},
        }

    def _member(self, member: Member, here: Collection[str]) -> dict[str, Any]:
        found: dict[str, Any] = {"name": member.name, "roles": sorted(member.roles), "state": "unknown"}
        if member.name in self.sweep.discovery.members:
            found["state"] = self._state(member.name)
            rtts = [
                self.sweep.network.links[pair(member.name, other)].rtt_seconds
                for other in self.sweep.network.neighbours.get(member.name, ())
            ]
            found |= {"links": len(rtts), "rtt_seconds": min(rtts, default=None)}
        elif BROWSER in member.roles:
            found["state"] = "here" if member.peer_id in here else "away"
        return found

    def _state(self, name: str) -> str:
        """alive, weak (its loss would cut the mesh), silent (others see it, who tells this does not), or dead."""
        found = self.sweep.discovery
        if name in found.dead:
            return "dead"
        if name in self.sweep.weak.articulation_points:
            return "weak"
        return "silent" if name in found.silent else "alive"

    def _links(self) -> list[dict[str, Any]]:
        bridges = set(self.sweep.weak.bridges)
        found = [
            {"ends": list(ends), "rtt_seconds": quality.rtt_seconds, "weak": ends in bridges}
            for ends, quality in self.sweep.network.links.items()
        ]
        return sorted(found, key=lambda link: (not link["weak"], link["ends"]))
