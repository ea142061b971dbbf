"""A mesh as somebody sees it: its peers with what each can bear, its links with what was measured of them.

The common currency of the rooms here: a sweep or the simulator makes one, topology and bandwidth read it, and it is
the form of `GRAPH.json`:

    {"peers": [{"name": "a", "device": "server", "most_links": 8, "bytes_per_second": 1e8}, ...],
     "links": [{"ends": ["a", "b"], "rtt_seconds": 0.02, "jitter_seconds": 0.001, "loss": 0, "bytes_per_second": 1e7}],
     "possible": [the same, of links that are not there and could be]}
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import pydantic

from strata.errors import StrataError

MAX_PEERS, MAX_LINKS = 10_000, 1_000_000
Pair = tuple[str, str]  # names of two peers, in order


class BadNetwork(StrataError):
    """A description of a mesh that cannot be: what is wrong with it, and where."""


class Device(StrEnum):
    """What kind of machine a peer is."""

    SERVER = "server"
    MOBILE = "mobile"  # metered, sleeps, carries nothing for others


@dataclass(frozen=True, slots=True)
class Peer:
    """most_links: connections that it bears. bytes_per_second: what it can send, and as much receive, in all."""

    name: str
    device: Device = Device.SERVER
    most_links: int = 64
    bytes_per_second: float = math.inf

    @property
    def carries(self) -> bool:
        """Whether what passes between two others may go through it."""
        return self.device is not Device.MOBILE


@dataclass(frozen=True, slots=True)
class Quality:
    """Of a link, the same both ways. loss: share of probes that were not answered. bytes_per_second: inf if unknown."""

    rtt_seconds: float
    jitter_seconds: float = 0.0
    loss: float = 0.0
    bytes_per_second: float = math.inf


@dataclass(frozen=True)
class Network:
    """Peers by name, links that are up, and links that could be dialled; a pair is in one of the two at most.

    Raises BadNetwork where a pair is not in order, names a peer that is not there, or is in both.
    """

    peers: Mapping[str, Peer]
    links: Mapping[Pair, Quality]
    possible: Mapping[Pair, Quality] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one, other in (*self.links, *self.possible):
            if one >= other:
                raise BadNetwork(f"the link {one} - {other}: its ends must differ and be in order")
            for end in (one, other):
                if end not in self.peers:
                    raise BadNetwork(f"the link {one} - {other}: there is no peer {end}")
        if both := next((each for each in self.links if each in self.possible), None):
            raise BadNetwork(f"the link {both[0]} - {both[1]} is there already and cannot be possible too")

    @cached_property
    def neighbours(self) -> Mapping[str, frozenset[str]]:
        """Peers that each is linked with."""
        found: dict[str, set[str]] = {name: set() for name in self.peers}
        for one, other in self.links:
            found[one].add(other)
            found[other].add(one)
        return {name: frozenset(others) for name, others in found.items()}

    def to_json(self) -> dict[str, Any]:
        """As data for `json`; what is not known is left out."""
        return {
            "peers": [_known(name=p.name, device=p.device, most_links=p.most_links, bytes_per_second=p.bytes_per_second)
                      for p in self.peers.values()],
            "links": _links_to_json(self.links),
            "possible": _links_to_json(self.possible),
        }  # fmt: skip

    @classmethod
    def from_json(cls, text: str | bytes) -> "Network":
        """Read `GRAPH.json`; raises BadNetwork."""
        try:
            found = _File.model_validate_json(text)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            raise BadNetwork(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
        peers: dict[str, Peer] = {}
        for each in found.peers:
            if each.name in peers:
                raise BadNetwork(f"two peers are named {each.name}")
            peers[each.name] = Peer(each.name, each.device, each.most_links, each.bytes_per_second)
        return cls(peers, _links_of(found.links), _links_of(found.possible))


class LinkChanges(Protocol):
    """What a mender wants of a mesh: `strata.mesh.Proposal` is one."""

    @property
    def add(self) -> tuple[Pair, ...]:
        """Links to dial, of those that are possible."""

    @property
    def drop(self) -> tuple[Pair, ...]:
        """Links to close."""


def pair(one: str, other: str) -> Pair:
    """The two in the order that a link is known by."""
    return (one, other) if one < other else (other, one)


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


_Rate = pydantic.Field(default=math.inf, gt=0)
_Name = pydantic.Field(min_length=1, max_length=64)


class _Peer(_Strict):
    name: str = _Name
    device: Device = Device.SERVER
    most_links: int = pydantic.Field(default=64, ge=0, le=MAX_PEERS)
    bytes_per_second: float = _Rate


class _Link(_Strict):
    ends: tuple[str, str]
    rtt_seconds: float = pydantic.Field(ge=0, lt=3600)
    jitter_seconds: float = pydantic.Field(default=0.0, ge=0, lt=3600)
    loss: float = pydantic.Field(default=0.0, ge=0, le=1)
    bytes_per_second: float = _Rate


class _File(_Strict):
    peers: list[_Peer] = pydantic.Field(max_length=MAX_PEERS)
    links: list[_Link] = pydantic.Field(max_length=MAX_LINKS)
    possible: list[_Link] = pydantic.Field(default=[], max_length=MAX_LINKS)


def _links_of(found: Iterable[_Link]) -> dict[Pair, Quality]:
    links: dict[Pair, Quality] = {}
    for each in found:
        ends = pair(*each.ends)
        if ends in links:
            raise BadNetwork(f"the link {ends[0]} - {ends[1]} is there twice")
        links[ends] = Quality(each.rtt_seconds, each.jitter_seconds, each.loss, each.bytes_per_second)
    return links


def _links_to_json(links: Mapping[Pair, Quality]) -> list[dict[str, Any]]:
    return [
        _known(ends=list(ends), rtt_seconds=q.rtt_seconds, jitter_seconds=q.jitter_seconds, loss=q.loss,
               bytes_per_second=q.bytes_per_second)
        for ends, q in links.items()
    ]  # fmt: skip


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != math.inf}
