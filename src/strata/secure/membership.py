"""Who belongs to a mesh: a list signed by the mesh owner's key.

A sealed membership is one header line, `strata-mesh-v1 <owner peer id> <signature, base64url>`, and a canonical JSON
document. The signature is checked over the raw bytes before a byte of the document is parsed.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from strata.secure.errors import IdentityError, MembershipError, NotAMember
from strata.secure.identity import Identity, PeerCard, public_key_of, verify

BROWSER = "browser"  # speaks libp2p's /noise, and runs nothing for others
ROLES = frozenset({"node", "coordinator", BROWSER})
MAX_MEMBERS = 1024
MAX_REVOKED = 4096
MAX_SEALED_BYTES = 2 << 20

_LABEL = b"strata:membership:v1\0"
_HEADER = re.compile(rb"strata-mesh-v1 ([1-9A-HJ-NP-Za-km-z]{52}) ([A-Za-z0-9_-]{86})\n")
_HEADER_BYTES = 155
_MESH_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_MULTIADDR = re.compile(r"(?:/[A-Za-z0-9._:-]{1,128}){2,16}")  # its meaning is libp2p's to judge
_MAX_MULTIADDR = 320
FRONTED = "@"  # before the name of a front
_MAX_ADDRESSES = 16
_MAX_VERSION = 2**53 - 1


@dataclass(frozen=True)
class Member:
    """One peer of the mesh: where it listens and what it may do ("node", "coordinator", "browser").

    An address is "host:port" for direct links, or a multiaddr ("/ip4/192.0.2.1/tcp/4001/ws") for libp2p; a member may
    have both. "@NAME" says that the member of that name is its front: who dials it goes there (see `strata.mesh.dial`).
    """

    card: PeerCard
    name: str
    addresses: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset({"node"})

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise MembershipError(f"not a member name (letters, digits, '.', '_', '-', at most 63): {self.name[:80]!r}")
        if not self.roles or not self.roles <= ROLES:
            raise MembershipError(f"the roles of {self.name} must be some of {', '.join(sorted(ROLES))}")
        if len(self.addresses) > _MAX_ADDRESSES:
            raise MembershipError(f"{self.name} has more than {_MAX_ADDRESSES} addresses")
        for front in self.fronts:
            if not _NAME.fullmatch(front) or front == self.name:
                raise MembershipError(f"not the name of a front of {self.name}: {front[:80]!r}")
        for address in self.multiaddrs:
            if len(address) > _MAX_MULTIADDR or _MULTIADDR.fullmatch(address) is None:
                raise MembershipError(f"not a multiaddr (/ip4/ADDRESS/tcp/PORT): {address[:80]!r}")
        for address in self.direct:
            match = _ADDRESS.fullmatch(address)
            if match is None or not 0 < int(match[1]) < 65536:
                raise MembershipError(f"not an address (host:port): {address[:80]!r}")

    @property
    def direct(self) -> tuple[str, ...]:
        """Where it listens for direct links, "host:port"."""
        return tuple(address for address in self.addresses if not address.startswith((FRONTED, "/")))

    @property
    def multiaddrs(self) -> tuple[str, ...]:
        """Where its libp2p host is reached, without the `/p2p/PEER` at the end."""
        return tuple(address for address in self.addresses if address.startswith("/"))

    @property
    def fronts(self) -> tuple[str, ...]:
        """The names of the members that front it."""
        fronted = (address for address in self.addresses if address.startswith(FRONTED))
        return tuple(address.removeprefix(FRONTED) for address in fronted)

    @property
    def peer_id(self) -> str:
        """The member's libp2p peer id."""
        return self.card.peer_id

    @property
    def static_key(self) -> bytes:
        """The member's X25519 channel key, 32 bytes."""
        return self.card.static_key


@dataclass(frozen=True)
class Membership:
    """The members of one mesh at one version. Changes return a new value with a higher version."""

    mesh_id: str
    owner_peer_id: str
    version: int
    members: tuple[Member, ...] = ()
    revoked: frozenset[str] = frozenset()
    _by_id: dict[str, Member] = field(init=False, repr=False, compare=False)
    _by_key: dict[bytes, Member] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _MESH_ID.fullmatch(self.mesh_id):
            raise MembershipError("a mesh id is 32 hexadecimal digits")
        if not 0 < self.version <= _MAX_VERSION:
            raise MembershipError("a membership version is between 1 and 2^53-1")
        if len(self.members) > MAX_MEMBERS or len(self.revoked) > MAX_REVOKED:
            raise MembershipError(f"a mesh has at most {MAX_MEMBERS} members and {MAX_REVOKED} revoked peers")
        for peer_id in (self.owner_peer_id, *self.revoked):
            public_key_of(peer_id)
        object.__setattr__(self, "_by_id", {member.peer_id: member for member in self.members})
        object.__setattr__(self, "_by_key", {member.static_key: member for member in self.members})
        if len({member.name for member in self.members}) != len(self.members):
            raise MembershipError("two members have the same name")
        if len(self._by_id) != len(self.members) or len(self._by_key) != len(self.members):
            raise MembershipError("two members have the same peer id or channel key")
        if self.revoked & self._by_id.keys():
            raise MembershipError("a revoked peer is listed as a member")

    @classmethod
    def found(cls, owner: Identity) -> "Membership":
        """A new, empty mesh with a random id."""
        return cls(secrets.token_hex(16), owner.peer_id, 1)

    def member(self, peer_id: str) -> Member:
        """The member with that peer id; raises NotAMember."""
        if (member := self._by_id.get(peer_id)) is None:
            state = "revoked from" if peer_id in self.revoked else "not a member of"
            raise NotAMember(f"{peer_id} is {state} mesh {self.mesh_id}")
        return member

    def member_by_key(self, static_key: bytes) -> Member:
        """The member with that X25519 key; raises NotAMember."""
        if (member := self._by_key.get(static_key)) is None:
            raise NotAMember(f"a peer with an unknown channel key asked to join mesh {self.mesh_id}")
        return member

    def named(self, name: str) -> Member:
        """The member with that name; raises NotAMember."""
        for member in self.members:
            if member.name == name:
                return member
        raise NotAMember(f"mesh {self.mesh_id} has no member named {name}")

    def with_member(
        self, card: PeerCard, name: str, addresses: Iterable[str] = (), roles: Iterable[str] = ("node",)
    ) -> "Membership":
        """Add a peer, or replace what is known of it. A revoked peer id stays revoked: raises MembershipError."""
        if card.peer_id in self.revoked:
            raise MembershipError(f"{card.peer_id} was revoked; a revoked key does not come back")
        others = tuple(member for member in self.members if member.peer_id != card.peer_id)
        added = Member(card, name, tuple(addresses), frozenset(roles))
        return replace(self, version=self.version + 1, members=(*others, added))

    def without(self, peer_id: str) -> "Membership":
        """Revoke a member for good; raises NotAMember."""
        gone = self.member(peer_id)
        members = tuple(member for member in self.members if member is not gone)
        return replace(self, version=self.version + 1, members=members, revoked=self.revoked | {peer_id})

    def successor(self, sealed: bytes) -> "Membership":
        """Open what is to replace this one.

        Raises MembershipError unless it is signed by this one's owner, of the same mesh and of a higher version.
        """
        new = open_sealed(sealed, self.owner_peer_id)
        if new.mesh_id != self.mesh_id:
            raise MembershipError(f"that is the membership of another mesh, {new.mesh_id}")
        if new.version <= self.version:
            raise MembershipError(f"version {new.version} is not newer than version {self.version}")
        return new

    def seal(self, owner: Identity) -> bytes:
        """The signed file; raises MembershipError unless `owner` is this mesh's owner."""
        if owner.peer_id != self.owner_peer_id:
            raise MembershipError(f"mesh {self.mesh_id} belongs to {self.owner_peer_id}, not to {owner.peer_id}")
        body = _canonical(self.document())
        signature = base64.urlsafe_b64encode(owner.sign(_LABEL + body)).rstrip(b"=")
        return b"strata-mesh-v1 " + owner.peer_id.encode() + b" " + signature + b"\n" + body

    def document(self) -> dict[str, Any]:
        """The membership as plain JSON values: what is signed."""
        return {
            "members": [
                {
                    "addresses": list(member.addresses),
                    "card": member.card.to_text(),
                    "name": member.name,
                    "roles": sorted(member.roles),
                }
                for member in self.members
            ],
            "mesh_id": self.mesh_id,
            "owner": self.owner_peer_id,
            "revoked": sorted(self.revoked),
            "version": self.version,
        }


def open_sealed(sealed: bytes, owner_peer_id: str | None = None) -> Membership:
    """Verify and parse a sealed membership; raises MembershipError.

    `owner_peer_id` pins the owner. Without it the owner named in the file is believed: right only for a file that a
    user names on the command line, never for one that came over the network.
    """
    if len(sealed) > MAX_SEALED_BYTES:
        raise MembershipError(f"a membership has at most {MAX_SEALED_BYTES} bytes")
    match = _HEADER.match(sealed[:_HEADER_BYTES])
    if match is None:
        raise MembershipError("not a membership file")
    owner = match[1].decode("ascii")
    if owner_peer_id is not None and owner != owner_peer_id:
        raise MembershipError(f"the membership is signed by {owner}, not by the mesh owner {owner_peer_id}")
    body = sealed[match.end() :]
    try:
        signature = base64.urlsafe_b64decode(match[2] + b"==")
        if not verify(owner, signature, _LABEL + body):
            raise MembershipError(f"the membership's signature is not that of {owner}")
        membership = _parse(json.loads(body))
    except IdentityError as error:
        raise MembershipError(f"malformed membership: {error}") from None
    except (ValueError, RecursionError):  # json's
        raise MembershipError("malformed membership") from None
    if membership.owner_peer_id != owner or _canonical(membership.document()) != body:
        raise MembershipError("malformed membership: not in canonical form")
    return membership


_DOCUMENT: dict[str, type] = {"members": list, "mesh_id": str, "owner": str, "revoked": list, "version": int}
_MEMBER: dict[str, type] = {"addresses": list, "card": str, "name": str, "roles": list}


def _parse(document: Any) -> Membership:
    _check_types(document, _DOCUMENT)
    if len(document["members"]) > MAX_MEMBERS:  # before a signature is checked for each
        raise MembershipError(f"a mesh has at most {MAX_MEMBERS} members")
    members = []
    for item in document["members"]:
        _check_types(item, _MEMBER)
        _check_strings(item["addresses"] + item["roles"])
        card, name, addresses, roles = (item[key] for key in ("card", "name", "addresses", "roles"))
        members.append(Member(PeerCard.from_text(card), name, tuple(addresses), frozenset(roles)))
    _check_strings(document["revoked"])
    revoked = frozenset(document["revoked"])
    return Membership(document["mesh_id"], document["owner"], document["version"], tuple(members), revoked)


def _check_types(item: Any, types: dict[str, type]) -> None:
    """Exactly these keys, with values of exactly these types: JSON's true is no number here."""
    if type(item) is not dict or {key: type(value) for key, value in item.items()} != types:
        raise MembershipError("malformed membership: wrong fields")


def _check_strings(items: list[Any]) -> None:
    if not all(type(item) is str for item in items):
        raise MembershipError("malformed membership: wrong fields")


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
