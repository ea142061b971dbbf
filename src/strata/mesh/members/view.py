"""What one member holds of the mesh, and what claims do to it: SWIM's order of claims, suspicion, refutation."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from strata.mesh.members.book import Book, Change, What, newer
from strata.mesh.members.charter import Charter
from strata.mesh.members.gossip import Outbox
from strata.mesh.members.messages import MAX_INCARNATION, State, Update
from strata.mesh.members.suspicion import LocalHealth, Suspicion
from strata.mesh.members.timing import Timing

MAX_JUMP = 1 << 32  # by which an incarnation may rise at once: nobody can use them up for another


class View:
    """Book, suspicions and outbox of member `me`. `came` is called with each peer that is living from now on."""

    def __init__(
        self,
        me: str,
        address: str,
        timing: Timing,
        charter: Charter,
        *,
        mobile: bool,
        health: LocalHealth,
        came: Callable[[str], None],
    ) -> None:
        self.book = Book()
        self.outbox = Outbox()
        self.changes: list[Change] = []
        self.incarnation = 0
        self.leaving = False
        self._me = me
        self._address = address
        self._mobile = mobile
        self._timing = timing
        self._charter = charter
        self._health = health
        self._came = came
        self._suspicions: dict[str, Suspicion] = {}

    @property
    def members(self) -> int:
        """How many are alive or suspect, we among them."""
        return self.book.living + 1

    @property
    def deadline(self) -> float:
        """When the next suspicion is over."""
        return min((each.deadline for each in self._suspicions.values()), default=math.inf)

    def myself(self) -> Update:
        """What we claim of ourselves."""
        state = State.LEFT if self.leaving else State.ALIVE
        return Update(state, self.incarnation, self._me, address=self._address, mobile=self._mobile)

    def everything(self) -> tuple[Update, ...]:
        """All that is known, for a full exchange."""
        return (self.myself(), *self.book.claims.values())

    def news_for(self, peer: str) -> Iterator[Update]:
        """What goes along with a message to `peer`. Whom we do not hold alive is told so first: it may refute."""
        held = self.book.claims.get(peer)
        if held is not None and held.state is not State.ALIVE:
            yield held
        yield from self.outbox.take(self._timing.gossip_bytes, self._timing.retransmit_limit(self.members))

    def leave(self) -> None:
        """Claim that we have left."""
        self.leaving = True
        self._suspicions.clear()
        self.outbox.put(self.myself())

    def suspect(self, peer: str, time: float) -> None:
        """A member did not answer us."""
        claim = self.book.claims.get(peer)
        if claim is not None and self.book.is_living(peer):
            found = replace(claim, state=State.SUSPECT, accuser=self._me)
            self.learn(found, self._me, time, synced=False)

    def expire(self, time: float) -> None:
        """Hold dead who was suspect for long enough."""
        for peer in [peer for peer, each in self._suspicions.items() if each.deadline <= time]:
            claim = self.book.claims[peer]
            self._hold(replace(claim, state=State.DEAD, accuser=self._me), time)

    def learn(self, update: Update, sender: str, time: float, *, synced: bool) -> bool:
        """Take a claim; whether it was about us, long refuted, and the sender should be told.

        synced: it comes from a full exchange, not from who just found it out.
        """
        if update.peer == self._me:
            return self._refute(update, synced=synced)
        if not self._charter.lists(update.peer) or (update.accuser and not self._charter.lists(update.accuser)):
            return False
        held = self.book.claims.get(update.peer)
        if held is None:
            self._hold(update, time)
            return False
        if update.incarnation > held.incarnation + MAX_JUMP:
            return False
        if synced and update.state is State.DEAD and self.book.is_living(update.peer):
            # What was held dead elsewhere, in another part of the mesh perhaps, may speak for itself first.
            update = replace(held, state=State.SUSPECT, incarnation=update.incarnation, accuser=sender)
        if newer(update, held):
            self._hold(update, time)
        elif (
            update.state is held.state is State.SUSPECT
            and update.incarnation == held.incarnation
            and update.peer in self._suspicions
            and self._suspicions[update.peer].confirm(update.accuser)
        ):
            self.outbox.put(update)
        return False

    def recheck(self) -> list[str]:
        """Drop whom the charter lists no more; who they were."""
        dropped = [peer for peer in self.book.claims if not self._charter.lists(peer)]
        for peer in dropped:
            claim = self.book.claims[peer]
            if self.book.is_living(peer):
                self.changes.append(Change(peer, What.LEFT, claim.incarnation, claim.address))
            self.book.forget(peer)
            self._suspicions.pop(peer, None)
            self.outbox.forget(peer)
        return dropped

    def _hold(self, update: Update, time: float) -> None:
        was_living = self.book.is_living(update.peer)
        if (change := self.book.write(update, time)) is not None:
            self.changes.append(change)
        if not was_living and self.book.is_living(update.peer):
            self._came(update.peer)
        self._suspicions.pop(update.peer, None)
        if update.state is State.SUSPECT and not self.leaving:
            self._suspicions[update.peer] = Suspicion(
                time, self.members, self._timing, update.accuser, mobile=update.mobile
            )
        self.outbox.put(update)

    def _refute(self, update: Update, *, synced: bool) -> bool:
        """Somebody claims something about us: what is wrong is answered with a higher incarnation."""
        if self.leaving or update.incarnation > min(self.incarnation + MAX_JUMP, MAX_INCARNATION - 1):
            return False
        mine = self.myself()
        differs = (update.address, update.mobile) != (mine.address, mine.mobile)
        if newer(update, mine) or (update.incarnation == mine.incarnation and differs):
            if update.state in (State.SUSPECT, State.DEAD):
                self._health.change(1)
            self.incarnation = update.incarnation + 1
            self.outbox.put(self.myself())
            return False
        return update.state is not State.ALIVE and not synced
