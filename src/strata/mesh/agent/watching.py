"""The failure detector of one member, at work: its datagrams go over links, its time is trio's."""

import logging
import time
from collections.abc import Callable, Mapping
from random import Random

import trio

from strata.mesh.addresses import may_be_claimed
from strata.mesh.agent.datagrams import Datagrams
from strata.mesh.agent.messages import Held, HeldState
from strata.mesh.agent.presence import Presence
from strata.mesh.agent.transport import Transport
from strata.mesh.members import LAN, MOBILE, BadMessage, Change, Detector, SignedCharter, State, Timing, What
from strata.mesh.roster import Roster

log = logging.getLogger(__name__)

FIRST_SEEK_SECONDS = 1.0  # between tries, while nobody else is known
SEEK_SECONDS = 10.0  # between tries of members that nothing is known of
SEEDS = 3  # tried at once while nobody else is known
LEAVE_SECONDS = 1.0
PULSE_SECONDS, MOBILE_PULSE_SECONDS = 2.0, 0.5  # between looks at the clock
SLEPT_SECONDS = 5.0  # without a pulse: nobody knows what has become of the links

_NAMES: Mapping[State, HeldState] = {
    State.ALIVE: "alive",
    State.SUSPECT: "suspect",
    State.DEAD: "dead",
    State.LEFT: "left",
}


class Watch:
    """Watches the other members for member `me`.

    mobile: it is metered and sleeps at times. timing: of the detector; by default as the device asks. membership_came:
    called when a newer membership has come by gossip, and `charter` has it. woke: called when this process has slept
    for seconds.
    """

    def __init__(
        self,
        me: str,
        roster: Roster,
        charter: SignedCharter,
        transport: Transport,
        *,
        mobile: bool,
        timing: Timing | None = None,
        membership_came: Callable[[], None],
        woke: Callable[[], None],
    ) -> None:
        self.presence = Presence(mobile=mobile)
        self.datagrams = Datagrams(transport, self.presence.is_mobile)
        self._me = me
        self._roster = roster
        self._charter = charter
        self._mobile = mobile
        self._timing = timing or (MOBILE if mobile else LAN)
        self._membership_came = membership_came
        self._woke = woke
        self._random = Random()  # noqa: S311 - no secret
        self._detector = self._new_detector("")
        self._seek_at = 0.0
        self._waiting = trio.CancelScope()
        self._gone = trio.Event()

    @property
    def incarnation(self) -> int:
        """Our own."""
        return self._detector.incarnation

    def held(self) -> tuple[Held, ...]:
        """What is held of each other member."""
        found = self._detector.held(trio.current_time()).items()
        return tuple(Held(peer=peer, state=_NAMES[state], seconds=seconds) for peer, (state, seconds) in found)

    async def run(self, address: str, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled, and tell others that we listen at `address`; but who has a front is found there."""
        fronted = self._roster.membership.member(self._me).fronts
        self._detector = self._new_detector(address if may_be_claimed(address) and not fronted else "")
        async with trio.open_nursery() as nursery:
            await nursery.start(self.datagrams.run)
            task_status.started()
            await self._watch(self._detector)
            self._send_outgoing()
            self._gone.set()

    def recheck(self) -> None:
        """The membership is another one now."""
        self._detector.recheck()
        self._seek_at = 0.0
        self._waiting.cancel()

    async def leave(self) -> None:
        """Say goodbye to enough others, if that can be done soon."""
        self._detector.leave(trio.current_time())
        self._waiting.cancel()
        with trio.move_on_after(LEAVE_SECONDS):
            await self._gone.wait()
            await self.datagrams.flush()

    def _new_detector(self, address: str) -> Detector:
        return Detector(
            self._me,
            address,
            trio.current_time(),
            self._random,
            charter=self._charter,
            mobile=self._mobile,
            timing=self._timing,
            near=self.datagrams.is_linked,
        )

    async def _watch(self, detector: Detector) -> None:
        """The loop that `strata.mesh.members.detector` describes."""
        pulse, pause = _clock(), MOBILE_PULSE_SECONDS if self._mobile else PULSE_SECONDS
        while not detector.gone:
            self._seek()
            self._send_outgoing()
            for change in detector.changes():
                self._note(change)
            soon = trio.current_time() + pause
            arrived = await self._arrived(min(detector.next_call, self._seek_at, soon))
            before, pulse = pulse, _clock()
            if pulse > before + SLEPT_SECONDS:
                self._wake_up()
            version = self._charter.version
            for sender, data in arrived:
                self.presence.heard(sender)
                try:
                    detector.receive(trio.current_time(), sender, data)
                except BadMessage as error:
                    log.warning("hung up on %s: %s", sender, error)
                    self.datagrams.close(sender)
            if self._charter.version != version:
                self._membership_came()
            detector.tick(trio.current_time())

    def _send_outgoing(self) -> None:
        for peer, data in self._detector.outgoing():
            self.datagrams.send(peer, data)

    async def _arrived(self, deadline: float) -> list[tuple[str, bytes]]:
        """All that is there at `deadline`, or as soon as there is something."""
        found: list[tuple[str, bytes]] = []
        with trio.CancelScope(deadline=deadline) as self._waiting:
            found.append(await self.datagrams.arrivals.receive())
        await trio.lowlevel.checkpoint()  # when this process was stopped, the links are to be read before time counts
        while True:
            try:
                found.append(self.datagrams.arrivals.receive_nowait())
            except trio.WouldBlock:
                return found

    def _wake_up(self) -> None:
        """Make all links anew, and ask what has happened; so others learn at once that we are back."""
        log.info("slept; links are made anew")
        self.datagrams.close_all()
        self._detector.join(trio.current_time(), self._detector.some(SEEDS))
        self._woke()

    def _seek(self) -> None:
        """Now and then speak to members that nothing is known of; more often while that is everybody."""
        now = trio.current_time()
        if now < self._seek_at:
            return
        alone = self._detector.members == 1
        known = {self._me, *(() if alone else self._detector.known())}
        strangers = [
            each.peer_id
            for each in self._roster.membership.members
            if each.addresses and "node" in each.roles and each.peer_id not in known
        ]
        self._detector.join(now, self._random.sample(strangers, min(SEEDS if alone else 1, len(strangers))))
        self._seek_at = now + (FIRST_SEEK_SECONDS if alone else SEEK_SECONDS) * self._random.uniform(0.5, 1.5)

    def _note(self, change: Change) -> None:
        log.info("%s: %s", change.peer, change.what)
        mobile = self._detector.is_mobile(change.peer)
        self.presence.note(change.peer, away=change.what in (What.DEAD, What.LEFT), mobile=mobile)
        if change.what is What.DEAD and not mobile:  # a link may have gone without a word
            self.datagrams.close(change.peer)
        elif change.address:
            self._roster.addresses.claim(change.peer, change.address)


def _clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system tells them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
