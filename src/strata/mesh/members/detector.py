"""SWIM with Lifeguard as a state machine that does no input or output.

Das, Gupta, Motivala: SWIM (DSN 2002); Dadgar, Phillips, Currey: Lifeguard (DSN-W 2018). An adapter runs it like this,
with `now` from its own monotonic clock:

    detector.join(now, seeds)
    while not detector.gone:
        for peer, data in detector.outgoing(): send(peer, data)     # over the encrypted link; may be lost
        for change in detector.changes(): ...
        wait until detector.next_call, or until there is a message of some `sender`
        detector.receive(now, sender, data)                         # all that is there, before `tick`
        detector.tick(now)

Who sent a message is known from the link. What a message may claim of others is what SWIM allows, of members that the
signed membership lists; a member that lies can have others suspected, but each refutes for itself.
"""

import math
from collections.abc import Callable, Iterable
from random import Random

from strata.mesh.members.book import Change
from strata.mesh.members.charter import Charter, Fetch
from strata.mesh.members.messages import Kind, Message, State, Update, decode, encode
from strata.mesh.members.probing import AwakeClock, Errand, Errands, Probe, Rounds
from strata.mesh.members.suspicion import LocalHealth
from strata.mesh.members.timing import LAN, Timing
from strata.mesh.members.view import View


class Detector:
    """One member's part. `me` and peers are texts of 1 to 64 printable ASCII characters, such as peer ids.

    mobile: we are metered and sleep at times: others probe us seldom, and ask nothing else of us that they can ask of
    somebody else.
    near: whether it costs little to send to a peer, because there is a link already: gossip goes there first. Who is
    probed is not chosen by that, so that where links are made for probes, those near are a random few, and others soon.
    """

    def __init__(
        self,
        me: str,
        address: str,
        now: float,
        source: Random,
        *,
        charter: Charter,
        mobile: bool = False,
        timing: Timing = LAN,
        near: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.me = me
        self._timing = timing
        self._near = near
        self._random = source
        self._charter = charter
        self._clock = AwakeClock(now, timing.nap)
        self._rounds = Rounds(source)
        self._health = LocalHealth(timing.health_levels)
        self._view = View(me, address, timing, self._charter, mobile=mobile, health=self._health, came=self._rounds.add)
        self._probe: Probe | None = None
        self._number = 0
        self._errands = Errands()
        self._fetch = Fetch(self._charter, timing.fetch_timeout)
        self._out: list[tuple[str, bytes]] = []
        # Not all members at the same moment.
        self._probe_at = now + source.random() * timing.probe_interval
        self._gossip_at = math.inf
        self._sync_at = now + source.random() * timing.sync_interval
        self._reconnect_at = now + source.random() * timing.reconnect_interval

    @property
    def incarnation(self) -> int:
        """Our own: it rises when we refute something."""
        return self._view.incarnation

    @property
    def gone(self) -> bool:
        """Whether we have left and told enough others."""
        return self._view.leaving and not (self._view.outbox and self._view.book.living)

    @property
    def members(self) -> int:
        """How many are alive or suspect, we among them."""
        return self._view.members

    @property
    def stretch(self) -> int:
        """By what local health stretches our timeouts: 1 when healthy."""
        return self._health.stretch

    def known(self) -> dict[str, Update]:
        """The newest claim about each other member."""
        return dict(self._view.book.claims)

    def state_of(self, peer: str) -> State | None:
        """What is held of a member; None if nothing is known."""
        claim = self._view.book.claims.get(peer)
        return None if claim is None else claim.state

    def held(self, now: float) -> dict[str, tuple[State, float]]:
        """What is held of each other member, and for how many seconds it has been."""
        book, time = self._view.book, self._clock.inside(now)
        return {peer: (claim.state, max(0.0, time - book.since[peer])) for peer, claim in book.claims.items()}

    def is_mobile(self, peer: str) -> bool:
        """Whether that member says that it is mobile."""
        return self._view.book.is_mobile(peer)

    def some(self, count: int) -> list[str]:
        """At most so many living members, at random."""
        return self._view.book.some(count, self._random)

    def join(self, now: float, seeds: Iterable[str]) -> None:
        """Exchange all that is known with these. Call it again until somebody has answered (`members` above 1)."""
        self._pass(now)
        for seed in seeds:
            if seed != self.me:
                self._sync(seed, Kind.SYNC)

    def leave(self, now: float) -> None:
        """Say goodbye. Go on until `gone`; a member that comes back is a new Detector."""
        self._pass(now)
        self._probe = None
        self._errands.clear()
        self._view.leave()
        self._plan_gossip()

    def outgoing(self) -> list[tuple[str, bytes]]:
        """What to send now: (to whom, what)."""
        out, self._out = self._out, []
        return out

    def changes(self) -> list[Change]:
        """What happened since the last call."""
        changes, self._view.changes = self._view.changes, []
        return changes

    @property
    def next_call(self) -> float:
        """When to call `tick`, on the caller's clock; infinity when nothing is to come."""
        return self._clock.outside(self._due())

    def receive(self, now: float, sender: str, data: bytes) -> None:
        """Take a message of the authenticated `sender`; raises BadMessage. From who is no member nothing is taken."""
        message = decode(data)
        self._pass(now)
        if self.gone or sender == self.me or not self._charter.lists(sender):
            return
        if message.kind is Kind.SEALED:
            if self._fetch.end(sender, message.sealed):
                self.recheck()
            return
        if self._fetch.begin(sender, message.version, self._clock.time):
            self._put(sender, Message(Kind.FETCH, self._charter.version))
        synced = message.kind in (Kind.SYNC, Kind.SYNC_REPLY)
        ignorant = [self._view.learn(each, sender, self._clock.time, synced=synced) for each in message.updates]
        if any(ignorant):
            self._send(sender, Kind.GOSSIP, own=True)
        if self._view.book.claims.get(sender) is None and not synced and not self._view.leaving:
            self._sync(sender, Kind.SYNC)  # the news of it has missed us
        self._act(sender, message)
        self._plan_gossip()

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._pass(now)
        while self._due() <= self._clock.time:
            self._run_timers(self._clock.time)
            self._plan_gossip()

    def recheck(self) -> None:
        """Drop whom the charter lists no more; call it when the node itself was given a newer membership."""
        dropped = self._view.recheck()
        if self._probe is not None and self._probe.target in dropped:
            self._probe = None

    def _pass(self, now: float) -> None:
        if self._clock.advance(now, self._due()):
            self._health.change(1)

    def _due(self) -> float:
        if self._view.leaving:
            return math.inf if self.gone else self._gossip_at
        due = min(
            self._probe_at, self._gossip_at, self._sync_at, self._reconnect_at, self._view.deadline, self._errands.due
        )
        if self._probe is not None and not self._probe.asked:
            due = min(due, self._probe.indirect_at)
        return due

    def _run_timers(self, time: float) -> None:
        if self._gossip_at <= time:
            self._gossip(time)
        if self._view.leaving:
            return
        for errand in self._errands.overdue(time):
            self._send(errand.asker, Kind.NACK, errand.number)
        self._view.expire(time)
        if self._probe is not None and not self._probe.asked and self._probe.indirect_at <= time:
            self._ask_others(self._probe)
        if self._probe_at <= time:
            self._end_probe(time)
            self._begin_probe(time)
        if self._sync_at <= time:
            self._sync_at = time + self._timing.sync_every(self.members)
            for peer in self._view.book.some(1, self._random):
                self._sync(peer, Kind.SYNC)
        if self._reconnect_at <= time:
            self._reconnect_at = time + self._timing.reconnect_interval
            self._try_the_dead()

    def _begin_probe(self, time: float) -> None:
        self._probe_at = time + self._timing.probe_interval * self._health.stretch
        if (target := self._next_target()) is not None:
            self._probe = Probe(target, self._next_number(), time + self._timing.probe_timeout * self._health.stretch)
            self._send(target, Kind.PING, self._probe.number)

    def _next_target(self) -> str | None:
        """Who is next in the round; a mobile member only every so many rounds."""
        book = self._view.book
        for _ in range(book.living):
            target = self._rounds.next(book.is_living)
            if target is None or not book.is_mobile(target) or self._random.random() * self._timing.mobile_stretch < 1:
                return target
        return None

    def _ask_others(self, probe: Probe) -> None:
        others = self._view.book.some(self._timing.indirect_probes, self._random, besides=probe.target)
        probe.asked = frozenset(others)
        probe.indirect_at = math.inf
        for other in others:
            self._send(other, Kind.PING_REQUEST, probe.number, probe.target)

    def _end_probe(self, time: float) -> None:
        """Nobody got an answer: the target is suspect. Helpers that did not answer either say that we are slow."""
        probe, self._probe = self._probe, None
        if probe is not None:
            self._health.change(len(probe.asked) - len(probe.refused) if probe.asked else 1)
            self._view.suspect(probe.target, time)

    def _act(self, sender: str, message: Message) -> None:
        match message.kind:
            case Kind.PING:
                self._send(sender, Kind.ACK, message.number)
            case Kind.ACK:
                self._answered(sender, message.number)
            case Kind.NACK:
                if (probe := self._probe) is not None and probe.number == message.number and sender in probe.asked:
                    probe.refused.add(sender)
            case Kind.PING_REQUEST:
                self._run_errand(sender, message)
            case Kind.SYNC:
                self._sync(sender, Kind.SYNC_REPLY)
            case Kind.FETCH if message.version < self._charter.version:
                self._put(sender, Message(Kind.SEALED, self._charter.version, sealed=self._charter.sealed))

    def _run_errand(self, asker: str, message: Message) -> None:
        allowed = message.target not in (self.me, asker) and self._charter.lists(message.target)
        if not allowed or self._view.leaving:
            return
        number, until = self._next_number(), self._clock.time + self._timing.probe_timeout
        if self._errands.begin(number, Errand(asker, message.number, message.target, until)):
            self._send(message.target, Kind.PING, number)

    def _answered(self, sender: str, number: int) -> None:
        probe = self._probe
        if probe is not None and probe.number == number and (sender == probe.target or sender in probe.asked):
            self._probe = None
            self._health.change(-1)
        elif (errand := self._errands.answered(number, sender)) is not None:
            self._send(errand.asker, Kind.ACK, errand.number)

    def _next_number(self) -> int:
        self._number = (self._number + 1) % (1 << 32)
        return self._number

    def _plan_gossip(self) -> None:
        if self._gossip_at == math.inf and self._view.outbox and self._view.book.living:
            self._gossip_at = self._clock.time + self._timing.gossip_interval

    def _gossip(self, time: float) -> None:
        since = time - self._timing.gossip_to_dead
        for peer in self._view.book.hearers(self._timing.gossip_fanout, self._random, since, self._near):
            self._send(peer, Kind.GOSSIP)
        self._gossip_at = math.inf

    def _send(self, peer: str, kind: Kind, number: int = 0, target: str = "", *, own: bool = False) -> None:
        updates = (*((self._view.myself(),) if own else ()), *self._view.news_for(peer))
        if updates or kind is not Kind.GOSSIP:
            self._put(peer, Message(kind, self._charter.version, number, target, updates))

    def _sync(self, peer: str, kind: Kind) -> None:
        self._put(peer, Message(kind, self._charter.version, updates=self._view.everything()))

    def _put(self, peer: str, message: Message) -> None:
        self._out.append((peer, encode(message)))

    def _try_the_dead(self) -> None:
        """Now and then ask one of the dead whether it is there: this is how two parts of a mesh find each other."""
        dead = self._view.book.dead()
        if dead and self._random.random() * self.members < len(dead):
            self._sync(self._random.choice(dead), Kind.SYNC)
