"""The membership a node currently goes by, and what it has learned of the members: ECH configs and addresses."""

from collections.abc import Callable, Sequence

from strata.mesh.addresses import Addresses
from strata.secure import Config, EchConfig, KnownConfigs, Membership, choose


class Roster:
    """Holds the current membership; takes only newer ones of the same mesh, signed by the same owner.

    known: configs that were learned before, which it adds to. require_ech: whoever goes by this roster dials with a
    true hello or not at all. addresses: where members may be found.
    """

    def __init__(self, membership: Membership, known: KnownConfigs | None = None, *, require_ech: bool = False) -> None:
        self.require_ech = require_ech
        self.known = known or KnownConfigs()
        self.addresses = Addresses()
        self._membership = membership
        self._watchers: set[Callable[[], None]] = set()

    @property
    def membership(self) -> Membership:
        """The current membership."""
        return self._membership

    def update(self, sealed: bytes) -> Membership:
        """Replace the membership by a newer one (see `Membership.successor`); raises MembershipError and keeps it else.

        Links whose peer the new one does not list are closed.
        """
        before, self._membership = self._membership, self._membership.successor(sealed)
        listed = {member.peer_id for member in self._membership.members}
        for member in before.members:
            if member.peer_id not in listed:
                self.known.forget(member.peer_id)
        self.addresses.keep_only(listed)
        for changed in tuple(self._watchers):
            changed()
        return self._membership

    def ech_config(self, peer_id: str) -> EchConfig | None:
        """What hellos to a member are sealed with; None while nothing is known."""
        return self.known.get(peer_id)

    def learn(self, peer_id: str, configs: Sequence[Config]) -> None:
        """Take the configs that a member has given of itself, and only what came under its authentication."""
        if (config := choose(configs)) is None:
            self.known.forget(peer_id)
        else:
            self.known.put(peer_id, config)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each update, until `unwatch`."""
        self._watchers.add(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Undo `watch`."""
        self._watchers.discard(changed)
