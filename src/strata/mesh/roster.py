"""The membership a node currently goes by, and what it has learned of the members: ECH configs and addresses."""

from collections.abc import Callable, Sequence

from strata.mesh.addresses import Addresses
from strata.secure import Config, EchConfig, Membership, choose


class Roster:
    """Holds the current membership; takes only newer ones of the same mesh, signed by the same owner.

    addresses: where members may be found.
    """

    def __init__(self, membership: Membership) -> None:
        self.addresses = Addresses()
        self._membership = membership
        self._watchers: set[Callable[[], None]] = set()
        self._ech_configs: dict[str, EchConfig] = {}

    @property
    def membership(self) -> Membership:
        """The current membership."""
        return self._membership

    def update(self, sealed: bytes) -> Membership:
        """Replace the membership by a newer one (see `Membership.successor`); raises MembershipError and keeps it else.

        Links whose peer the new one does not list are closed.
        """
        self._membership = self._membership.successor(sealed)
        listed = {member.peer_id for member in self._membership.members}
        self._ech_configs = {peer: config for peer, config in self._ech_configs.items() if peer in listed}
        self.addresses.keep_only(listed)
        for changed in tuple(self._watchers):
            changed()
        return self._membership

    def ech_config(self, peer_id: str) -> EchConfig | None:
        """What hellos to a member are sealed with; None while nothing is known."""
        return self._ech_configs.get(peer_id)

    def learn(self, peer_id: str, configs: Sequence[Config]) -> None:
        """Take the configs that a member has given of itself, and only what came under its authentication."""
        if (config := choose(configs)) is None:
            self._ech_configs.pop(peer_id, None)
        else:
            self._ech_configs[peer_id] = config

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each update, until `unwatch`."""
        self._watchers.add(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Undo `watch`."""
        self._watchers.discard(changed)
