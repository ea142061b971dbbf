"""The membership a node currently goes by."""

from collections.abc import Callable

from strata.secure import Membership


class Roster:
    """Holds the current membership; takes only newer ones of the same mesh, signed by the same owner."""

    def __init__(self, membership: Membership) -> None:
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
        self._membership = self._membership.successor(sealed)
        for changed in tuple(self._watchers):
            changed()
        return self._membership

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each update, until `unwatch`."""
        self._watchers.add(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Undo `watch`."""
        self._watchers.discard(changed)
