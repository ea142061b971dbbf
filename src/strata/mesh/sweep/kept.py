"""What is kept from one sweep to the next: how many there were, and how good each pair was when it was last probed.

And the change that is being made: it is written down before it is, so that a coordinator that dies meanwhile leaves it
to the next sweep to judge.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.mesh.network import MAX_LINKS, BadNetwork, Network, Pair, Quality
from strata.mesh.sweep.decide import Change
from strata.mesh.sweep.found import Known

if TYPE_CHECKING:
    from strata.store import Store

KIND = "mesh-pairs"  # of the artifact; its name is the mesh's id
HOLD_BACK_SWEEPS = 12


@dataclass(frozen=True)
class Pending:
    """A change that may have been made, in full or in part, and the mesh before it."""

    change: Change
    before: Network


@dataclass(frozen=True)
class Kept:
    """sweeps: how many there were. taken_back: links that made the mesh worse, and the sweep that found it.

    pending: a change that nobody has judged yet.
    """

    sweeps: int = 0
    known: Known = field(default_factory=Known)
    taken_back: Mapping[Pair, int] = field(default_factory=dict)
    pending: Pending | None = None

    @property
    def held_back(self) -> frozenset[Pair]:
        """Links that are not proposed again yet."""
        return frozenset(ends for ends, at in self.taken_back.items() if at > self.sweeps - HOLD_BACK_SWEEPS)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Pair(_Strict):
    ends: tuple[str, str]
    sweep: int
    rtt_seconds: float | None = None  # None: one could not reach the other
    jitter_seconds: float = 0.0
    loss: float = 0.0
    bytes_per_second: float | None = None


class _Pending(_Strict):
    add: Annotated[list[Pair], Field(max_length=MAX_LINKS)]
    drop: Annotated[list[Pair], Field(max_length=MAX_LINKS)]
    before: str  # as GRAPH.json


class _File(_Strict):
    sweeps: Annotated[int, Field(ge=0)]
    pairs: Annotated[list[_Pair], Field(max_length=MAX_LINKS)]
    taken_back: Annotated[list[tuple[str, str, int]], Field(max_length=MAX_LINKS)]
    pending: _Pending | None = None


def read_kept(store: "Store", mesh_id: str) -> Kept:
    """What the last sweep of this mesh left; nothing where it is not to be read: everything is probed anew then."""
    from strata.store import StoreError

    try:
        ref = store.ref(KIND, mesh_id)
        return Kept() if ref is None else _kept(_File.model_validate_json(store.read(ref.digest)))
    except (StoreError, ValidationError, BadNetwork):
        return Kept()


def write_kept(store: "Store", mesh_id: str, kept: Kept) -> None:
    """Inverse of `read_kept`."""
    pairs = [
        _Pair(ends=ends, sweep=sweep)
        if quality is None
        else _Pair(
            ends=ends,
            sweep=sweep,
            rtt_seconds=quality.rtt_seconds,
            jitter_seconds=quality.jitter_seconds,
            loss=quality.loss,
            bytes_per_second=quality.bytes_per_second if math.isfinite(quality.bytes_per_second) else None,
        )
        for ends, (quality, sweep) in kept.known.qualities.items()
    ]
    back = [(one, other, at) for (one, other), at in kept.taken_back.items() if (one, other) in kept.held_back]
    file = _File(sweeps=kept.sweeps, pairs=pairs, taken_back=back, pending=_pending(kept.pending))
    store.put_artifact(file.model_dump_json(exclude_defaults=True).encode(), KIND, mesh_id)


def _kept(found: _File) -> Kept:
    pairs = {each.ends: (_quality(each), each.sweep) for each in found.pairs}
    back = {(one, other): at for one, other, at in found.taken_back}
    pending = None
    if (begun := found.pending) is not None:
        pending = Pending(Change(tuple(begun.add), tuple(begun.drop)), Network.from_json(begun.before))
    return Kept(found.sweeps, Known(pairs), back, pending)


def _pending(pending: Pending | None) -> _Pending | None:
    if pending is None:
        return None
    change, before = pending.change, json.dumps(pending.before.to_json())
    return _Pending(add=list(change.add), drop=list(change.drop), before=before)


def _quality(found: _Pair) -> Quality | None:
    if found.rtt_seconds is None:
        return None
    rate = math.inf if found.bytes_per_second is None else found.bytes_per_second
    return Quality(found.rtt_seconds, found.jitter_seconds, found.loss, rate)
