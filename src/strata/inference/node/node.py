"""A node: holds one shard, runs sessions on it, answers its coordinators. One trio process.

Who may do what is decided here: every link is a member's, but only a member with the role "coordinator" may load a
shard, open sessions or ask for measurements, a step is taken only from where its session says it comes from, and any
member may ping or bring a newer membership, which its owner's signature vouches for.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from strata.errors import StrataError
from strata.inference.decoder.cache import StageCache
from strata.inference.node.batching import Batcher
from strata.inference.node.cleaning import clean_up
from strata.inference.node.holding import Holding, Refusal
from strata.inference.node.leaks import LeakWatch, held, held_beside
from strata.inference.node.pace import PaceCounter
from strata.inference.node.process_memory import peak_resident_bytes, release, resident_bytes
from strata.inference.node.running import StageRun
from strata.inference.node.sessions import SessionTable
from strata.inference.node.worker import Worker
from strata.inference.plan.measure import measure_node
from strata.inference.protocol.messages import (
    AnyMessage,
    Chunk,
    CleanUp,
    Close,
    Done,
    Failed,
    GetPace,
    GetProgress,
    GetStatus,
    LinkMeasured,
    Measure,
    Measured,
    MeasureLink,
    Offer,
    Open,
    Pace,
    Ping,
    Pong,
    Progress,
    Refused,
    Status,
    Step,
    Update,
)
from strata.inference.protocol.probe import measure_link
from strata.inference.protocol.wire import Requests, Wire
from strata.mesh import (
    HANDSHAKE_SECONDS,
    INFERENCE,
    Connection,
    Direct,
    LinkClosed,
    ProtocolError,
    Roster,
    Transport,
    Unreachable,
)
from strata.secure import ChannelError, Identity

log = logging.getLogger(__name__)

FORWARD = "the forward under way"  # there is one at a time, so the largest workspace of a session serves all
NEXT_STAGE_SECONDS = 3.0  # a reader waits while a session is opened
REQUESTS_WAITING = 4  # chunks of 1 MiB that one link may have under way here


class Node:
    """The node's state; `handle` is what `strata.mesh.serve` calls for each link. Sessions run in `nursery`.

    take_membership: called with each sealed membership that a member brings, newer or not. transport: to other nodes,
    direct links if none is given.
    """

    def __init__(
        self,
        identity: Identity,
        roster: Roster,
        holding: Holding,
        worker: Worker,
        *,
        nursery: trio.Nursery,
        baseline_rss_bytes: int,
        take_membership: Callable[[bytes], Awaitable[None]],
        leaks: LeakWatch | None = None,
        threads_alone: int | None = None,
        mobile: bool = False,
        transport: Transport | None = None,
    ) -> None:
        self._identity = identity
        self._transport = transport or Direct(identity, roster)
        self._holding = holding
        self._worker = worker
        self._batcher = Batcher(worker, threads_alone)
        self._nursery = nursery
        self._mobile = mobile
        self._baseline = baseline_rss_bytes
        self._take_membership = take_membership
        self._leaks = leaks or LeakWatch()
        self._sessions: SessionTable[StageRun] = SessionTable()
        self._pace = PaceCounter()
        self._peak_kv = 0
        self._links: set[Connection] = set()
        self._past_sent = self._past_received = 0

    async def handle(self, link: Connection) -> None:
        """Serve one member until its link ends; its sessions end with it."""
        wire = Wire(link)
        send, requests = trio.open_memory_channel[tuple[AnyMessage, memoryview]](REQUESTS_WAITING)
        self._links.add(link)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve_requests, wire, requests, nursery.cancel_scope)
                try:
                    while True:
                        await self._sort(wire, send, *await wire.receive())
                except (LinkClosed, ChannelError) as error:
                    log.info("link to %s ended: %s", wire.peer.name, error)
                except ProtocolError as error:
                    log.warning("ended the link to %s: %s", wire.peer.name, error)
                nursery.cancel_scope.cancel()
        finally:
            self._forget(link)
            for name in self._sessions.owned_by(wire):
                self._close(name)

    async def _sort(
        self,
        wire: Wire,
        send: trio.MemorySendChannel[tuple[AnyMessage, memoryview]],
        message: AnyMessage,
        payload: memoryview,
    ) -> None:
        """Steps and pings do not wait behind requests."""
        if isinstance(message, Step):
            run = self._sessions.get(message.session)
            if run is not None:  # else it was closed while the step was on its way
                run.feed(message, payload, wire)
                self._sessions.touch(message.session, trio.current_time())
        elif isinstance(message, Ping):
            await wire.send(Pong(number=message.number))
        else:
            await send.send((message, payload))

    async def _serve_requests(self, wire: Wire, requests: Requests, scope: trio.CancelScope) -> None:
        with suppress(LinkClosed, ChannelError):
            async for message, payload in requests:
                if isinstance(message, Chunk):
                    continue  # the rest of a shard that was refused half-way; its sender knows by now
                try:
                    reply = await self._answer(wire, requests, message, payload)
                except (LinkClosed, ChannelError):
                    raise
                except ProtocolError as error:
                    log.warning("ended the link to %s: %s", wire.peer.name, error)
                    break
                except StrataError as error:
                    log.warning("refused %s from %s: %s", message.type, wire.peer.name, error)
                    reply = Refusal.of(error).refused
                await wire.send(reply)
        scope.cancel()

    async def _answer(self, wire: Wire, requests: Requests, message: AnyMessage, payload: memoryview) -> AnyMessage:
        if isinstance(message, Update):
            await self._take_membership(bytes(payload))
            return Done()
        if "coordinator" not in wire.peer.roles:
            reason = f"{wire.peer.name} is not a coordinator of this mesh: it may not {message.type}"
            raise Refusal(Refused(code="role", reason=reason))
        match message:
            case Offer():
                return await self._take(wire, requests, message, bytes(payload))
            case Open():
                await self._open(wire, message)
            case Close():
                if message.session in self._sessions.owned_by(wire):
                    self._close(message.session)
            case GetProgress():
                return self._progress(wire, message.session)
            case CleanUp():
                return await clean_up(message, self._holding, self._sessions, self._worker, self._evict)
            case _:
                return await self._tell(message)
        return Done()

    async def _tell(self, message: AnyMessage) -> AnyMessage:
        match message:
            case GetStatus():
                return self._status()
            case GetPace():
                return self._measured_pace()
            case Measure():
                return await self._measure()
            case MeasureLink():
                return await self._measure_link(message.peer)
        raise ProtocolError(f"a {message.type!r} message is not for a node")

    async def _take(self, wire: Wire, requests: Requests, offer: Offer, body: bytes) -> AnyMessage:
        if not offer.standby:
            return await self._holding.take(wire, requests, offer, body, vacate=lambda: self._vacate(wire))
        load = len(self._sessions) == 0  # else their next tokens would wait for it
        try:
            return await self._holding.prepare(wire, requests, offer, body, load=load)
        finally:
            if load:
                self._leaks.begin()

    def _progress(self, wire: Wire, name: str) -> Progress:
        run = self._sessions.get(name)
        if run is None or name not in self._sessions.owned_by(wire):
            raise Refusal(Refused(code="session", reason="there is no such session of yours"))
        return run.progress

    async def _measure(self) -> Measured:
        found = await self._worker.run(measure_node, self._holding.memory_bytes, "this node")
        await self._worker.run(release)
        return Measured(memory_bytes=found.memory_bytes, flops=found.flops, bandwidth=found.bandwidth)

    async def _measure_link(self, peer: str) -> LinkMeasured:
        link = await self._dial(peer)
        try:
            latency, bandwidth = await measure_link(Wire(link))
        except (LinkClosed, ChannelError, trio.TooSlowError) as error:
            raise Refusal(Refused(code="other", reason=f"the link to {link.peer.name} broke: {error}")) from error
        finally:
            await link.aclose()
            self._forget(link)
        return LinkMeasured(latency=latency, bandwidth=bandwidth)

    async def _dial(self, peer: str, seconds: float = HANDSHAKE_SECONDS) -> Connection:
        try:
            link = await self._transport.dial(peer, seconds, INFERENCE)
        except ChannelError as error:
            raise Unreachable(f"cannot connect to {peer}: {error}") from error
        self._links.add(link)
        return link

    async def _vacate(self, wire: Wire) -> None:
        """End this coordinator's sessions, for which the shard is replaced; those of others keep it in place."""
        if others := len(self._sessions) - len(self._sessions.owned_by(wire)):
            reason = f"{others} session(s) of others run on the shard that this node holds"
            raise Refusal(Refused(code="busy", reason=reason))
        for name in self._sessions:
            await self._evict(name, "the shard that it ran on is replaced")
        self._peak_kv = 0
        self._leaks.begin()
        self._pace.reset()

    async def _open(self, wire: Wire, order: Open) -> None:
        stage, manifest = self._holding.stage, self._holding.manifest
        if stage is None or manifest is None or manifest.shard != order.shard:
            raise Refusal(Refused(code="shard", reason="this node does not hold that shard; distribute it first"))
        if (order.previous is None) != stage.is_first or (order.following is None) != stage.is_last:
            raise Refusal(Refused(code="session", reason="the session's ends are not the shard's"))
        if self._sessions.get(order.session) is not None or max(order.padding) >= order.max_context:
            raise Refusal(Refused(code="session", reason="the session is open already, or a row is all padding"))
        if order.drawn >= order.max_context:
            raise Refusal(Refused(code="session", reason="more tokens were drawn before than the context holds"))
        self._holding.give_way()
        await self._promise(order)
        following = None
        try:
            if order.following is not None:
                following = Wire(await self._dial(order.following, NEXT_STAGE_SECONDS))
        except BaseException:
            self._take_back(order.session)
            raise
        run = StageRun(order, stage, self._batcher, coordinator=wire, following=following, pace=self._pace)
        self._sessions.add(order.session, wire, order.kv_bytes, run, trio.current_time())
        self._nursery.start_soon(self._run, order.session, run)

    async def _promise(self, order: Open) -> None:
        """Enter a session into the account, for which dead ones go where they must; raises OutOfBudget."""
        account = self._holding.account
        workspace = max(order.workspace_bytes, account.get("workspace", FORWARD))
        needed = order.kv_bytes + workspace - account.get("workspace", FORWARD)
        self._measure_rest()
        if needed > account.free:
            self._holding.standbys.clear()  # nor does what may be needed later
            await self._worker.run(release)  # what nobody uses any more keeps nobody out
            self._measure_rest()
        room = account.budget - account.used + self._sessions.nbytes
        for name in self._sessions.make_room(needed, room, trio.current_time()):
            await self._evict(name, "it was idle and its memory was needed")
        account.set("cache", order.session, order.kv_bytes)
        account.set("workspace", FORWARD, workspace)

    def _take_back(self, name: str) -> None:
        """Release what was promised to a session that is not open."""
        account = self._holding.account
        account.release(name)
        open_now = (run.order.workspace_bytes for each in self._sessions if (run := self._sessions.get(each)))
        account.set("workspace", FORWARD, min(account.get("workspace", FORWARD), max(open_now, default=0)))

    def _measure_rest(self) -> None:
        """Have the account know what this process holds beyond its promises and the empty node."""
        self._holding.account.measure(max(0, resident_bytes() - self._baseline))

    async def _look_for_leaks(self) -> None:
        if len(self._sessions) == 0:
            sample = await self._worker.run(held)
        elif self._leaks.is_due(trio.current_time()):
            sample = await self._worker.run(held_beside, self._caches)
        else:
            return
        if self._leaks.note(sample):
            log.warning("a leak is suspected: %s", self._leaks.found)

    def _caches(self) -> list[StageCache]:
        return [run.session.cache for name in self._sessions if (run := self._sessions.get(name)) is not None]

    async def _run(self, name: str, run: StageRun) -> None:
        try:
            await run.run(self._identity.peer_id)
        finally:
            run.end()
            if self._sessions.get(name) is run:
                self._close(name)
            if run.following is not None:
                self._forget(run.following.link)
        # A task of its own, for which this one's frame holds no session any more.
        self._nursery.start_soon(self._look_for_leaks)

    def _close(self, name: str) -> None:
        self._note_kv()
        run = self._sessions.remove(name)
        if run is not None:
            self._take_back(name)
            run.scope.cancel()

    async def _evict(self, name: str, reason: str) -> None:
        run = self._sessions.get(name)
        self._close(name)
        if run is not None:
            with suppress(LinkClosed, ChannelError), trio.move_on_after(1):
                await run.coordinator.send(
                    Failed(session=name, peer=self._identity.peer_id, reason=f"session ended: {reason}")
                )

    def _note_kv(self) -> int:
        used = sum(run.kv_bytes for name in self._sessions if (run := self._sessions.get(name)) is not None)
        self._peak_kv = max(self._peak_kv, used)
        return used

    def _forget(self, link: Connection) -> None:
        if link in self._links:
            self._links.remove(link)
            self._past_sent += link.bytes_sent
            self._past_received += link.bytes_received

    def _measured_pace(self) -> Pace:
        manifest = self._holding.manifest
        return Pace(
            shard=manifest.shard if manifest is not None else None,
            layers=(manifest.first, manifest.last) if manifest is not None else (0, 0),
            blocks=self._pace.blocks(),
            prompt_seconds=self._pace.prompt_seconds,
            prompt_rows=self._pace.prompt_rows,
        )

    def _status(self) -> Status:
        stage = self._holding.stage
        kv_bytes = self._note_kv()
        self._measure_rest()
        promised = self._holding.account.breakdown().categories
        return Status(
            memory_bytes=self._holding.memory_bytes,
            baseline_rss_bytes=self._baseline,
            peak_rss_bytes=peak_resident_bytes(),
            weight_bytes=stage.weight_bytes if stage is not None else 0,
            kv_bytes=kv_bytes,
            peak_kv_bytes=self._peak_kv,
            bytes_sent=self._past_sent + sum(link.bytes_sent for link in self._links),
            bytes_received=self._past_received + sum(link.bytes_received for link in self._links),
            sessions=len(self._sessions),
            cache_bytes=promised["cache"],
            workspace_bytes=promised["workspace"],
            runtime_bytes=promised["runtime"],
            standby_bytes=self._holding.standbys.nbytes,
            leak=self._leaks.found[:2000],
            leak_windows=self._leaks.windows,
            mobile=self._mobile,
        )
