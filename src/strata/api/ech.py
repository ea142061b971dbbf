"""What is known here of the ECH configs of a mesh's members: never a key, nor half of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from strata.settings import Settings
from strata.store import Ledger

if TYPE_CHECKING:
    from strata.secure import EchConfig, Membership

PIPELINE = "mesh"
_RUNS = 20  # of which the latest may have failed, or been of another mesh

Kem = Literal["MLKEM768-X25519", "X25519"]


@dataclass(frozen=True)
class Config:
    """A member's config that this home has learned, with which it hides whom it dials."""

    config_id: int
    kem: Kem
    post_quantum: bool


@dataclass(frozen=True)
class MemberEch:
    """A member. known: what this home would dial it with; None: its next hello to it hides nothing (GREASE).

    seen: when a sweep last asked it; age_seconds: of the config that it offered then; expires: when it offers another.
    """

    name: str
    peer_id: str
    known: Config | None
    seen: datetime | None
    age_seconds: float | None
    expires: datetime | None


@dataclass(frozen=True)
class MeshEch:
    """The mesh of this home; None where it is in none. required: STRATA_REQUIRE_ECH."""

    mesh: str | None
    required: bool
    members: tuple[MemberEch, ...]


def mesh_ech(settings: Settings, ledger: Ledger) -> MeshEch:
    """What the latest sweep saw, and what this home knows. Raises MembershipError, IdentityError, LedgerError."""
    from strata.secure import KnownConfigs, read_membership

    path = settings.home / "mesh"
    if not path.exists():
        return MeshEch(None, settings.require_ech, ())
    membership = read_membership(path)
    known = KnownConfigs(settings.home / "ech-known.json")
    configs = {peer_id: known.get(peer_id) for peer_id in (each.peer_id for each in membership.members)}
    sweep = _latest(ledger, membership.mesh_id)
    return MeshEch(membership.mesh_id, settings.require_ech, tuple(_members(membership, configs, sweep)))


def _latest(ledger: Ledger, mesh_id: str) -> Mapping[str, object]:
    """The figures of the latest sweep of this mesh."""
    for run in ledger.runs(PIPELINE, limit=_RUNS):
        if run.figures.get("mesh") == mesh_id and run.figures.get("sweeps"):
            latest: Mapping[str, object] = run.figures["sweeps"][-1]
            return latest
    return {}


def _members(
    membership: "Membership", configs: Mapping[str, "EchConfig | None"], sweep: Mapping[str, object]
) -> Sequence[MemberEch]:
    from strata.mesh import ECH_CONFIG
    from strata.secure import LIFETIME_SECONDS

    expiring, at = sweep.get("expiring", {}), sweep.get("at")
    assert isinstance(expiring, Mapping)
    found = []
    for member in sorted(membership.members, key=lambda each: each.name):
        expires = expiring.get(member.name, {}).get(ECH_CONFIG)
        seen = at if expires is not None and isinstance(at, float) else None
        age = None if seen is None else seen - (expires - LIFETIME_SECONDS)
        config = configs[member.peer_id]
        known = None if config is None else _config(config)
        found.append(MemberEch(member.name, member.peer_id, known, _time(seen), age, _time(expires)))
    return found


def _config(config: "EchConfig") -> Config:
    from strata.secure import MLKEM768_X25519

    hybrid = config.kem_id == MLKEM768_X25519
    return Config(config.config_id, "MLKEM768-X25519" if hybrid else "X25519", hybrid)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
