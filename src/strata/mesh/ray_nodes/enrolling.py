"""The membership of a mesh while nodes come and go under names that stay."""

from collections.abc import Mapping
from dataclasses import dataclass

from strata.errors import StrataError
from strata.secure import Membership, NotAMember, PeerCard


@dataclass(frozen=True)
class Enrolled:
    """A node's public key, and where it listens, "host:port"; None where it does not yet, or no more."""

    card: PeerCard
    address: str | None = None


def enrol(membership: Membership, nodes: Mapping[str, Enrolled]) -> Membership:
    """With these nodes under these names. One whose key is another than before, on another machine, takes the place of
    the one before, whose key is revoked. Raises StrataError for a name that is not a node's.
    """
    for name, node in nodes.items():
        try:
            before = membership.named(name)
        except NotAMember:
            before = None
        if before is not None and before.roles != {"node"}:
            roles = " and ".join(sorted(before.roles))
            raise StrataError(f"{name} is a member already, as {roles}: choose another --name")
        if before is not None and before.peer_id != node.card.peer_id:
            membership = membership.without(before.peer_id)
        membership = membership.with_member(node.card, name, () if node.address is None else (node.address,))
    return membership
