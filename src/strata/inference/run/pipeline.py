"""The coordinator: it knows the nodes, has them measured, gives them their shards and runs generations on them.

async with Coordinator.connect(identity, roster, home) as coordinator:
    survey = await coordinator.survey()
    await coordinator.distribute(checkpoint, plan)
    result = await coordinator.generate(checkpoint, plan, ["What is a mesh?"])
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import trio

from strata.errors import StrataError
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan import Plan
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import profile_model
from strata.inference.protocol.messages import CleanedUp, Status
from strata.inference.run.admission import Admission
from strata.inference.run.concurrent import beside, each
from strata.inference.run.connections import Connections, status_of, unmeasured
from strata.inference.run.distribute import DistributionReport, Progress, ShardReport, send_shard, write_manifests
from strata.inference.run.errors import NodeLost, StageFailed
from strata.inference.run.failover import Survivor, run_unwatched
from strata.inference.run.generate import (
    Asked,
    Generation,
    GenerationParams,
    GenerationResult,
    OnRecovery,
    OnText,
    Prompts,
    asked_apart,
)
from strata.inference.run.journal import Journal, held_as
from strata.inference.run.local import drafts_at_most
from strata.inference.run.measuring import links_between
from strata.inference.run.mesh_nodes import Job, MeshNodes
from strata.inference.run.mesh_scoring import score_batches
from strata.inference.run.placed import Placement
from strata.inference.run.rebalancing import Rebalanced, Rebalancer
from strata.inference.run.scoring import Question, check, gather, make_batches
from strata.inference.run.standby import Standbys
from strata.inference.run.survey import Survey, survey_nodes
from strata.inference.run.tending import IDLE_SECONDS, clean, statuses_of
from strata.inference.run.text import Texts
from strata.inference.run.told import Telling, Told, ToldLeaks, Watcher
from strata.mesh import Either, Recent, Roster
from strata.secure import Identity
from strata.telemetry import span
from strata.triage import Breakers

CLOSE_SECONDS = 5.0
NOTHING = Recent()


class Coordinator:
    """The connected nodes of a mesh. Made by `connect`."""

    def __init__(self, identity: Identity, connections: Connections, home: Path, recent: Recent) -> None:
        self._identity = identity
        self._connections = connections
        self._home = home
        self._recent = recent
        self._placements: dict[Plan, Placement] = {}
        self._admissions: dict[Plan, Admission] = {}
        self._breakers = Breakers()
        self._leaks = ToldLeaks()
        self._telling = Telling()
        self._rebalancer = Rebalancer(connections)
        self._standbys = Standbys(identity, connections, home)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, identity: Identity, roster: Roster, home: Path, sealed: bytes | None = None, recent: Recent = NOTHING
    ) -> AsyncIterator["Coordinator"]:
        """Connect to every node of the mesh; those that do not answer are in `unreachable`.

        home: where digests of checkpoints are remembered; sealed: the membership file's bytes, given to nodes that know
        an older one; recent: what sweeps of the mesh found, of whom those that were dead are not waited for. Raises
        Unreachable when no node answers, CannotListen where LIBP2P_PERFORMANCE_OPT is off, a member can be reached over
        libp2p, and that is not installed. Links are closed at the end; the nodes keep their shards, and the roster what
        it learned.
        """
        failure: Exception | None = None
        transport = Either(identity, roster, everybody=False)
        async with transport.opened(), trio.open_nursery() as nursery:
            connections = Connections(transport, roster, sealed, nursery, recent)
            try:
                nursery.start_soon(connections.heed_the_mesh)
                await connections.connect_all()
                nursery.start_soon(connections.stay_connected)
                coordinator = cls(identity, connections, home, recent)
                nursery.start_soon(coordinator._standbys.run)
                yield coordinator
            except Exception as error:
                failure = error  # raised below, outside the nursery, which would put it into a group
            with trio.move_on_after(CLOSE_SECONDS) as deadline:
                deadline.shield = True
                await connections.aclose()
                await trio.to_thread.run_sync(roster.known.save)
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the connected nodes, in the membership's order."""
        return tuple(client.name for client in self._connections.clients)

    @property
    def unreachable(self) -> Mapping[str, StrataError]:
        """Why each node of the mesh that is not connected is not, by name."""
        return self._connections.unreachable

    async def inventory(self) -> list[NodeProfile]:
        """The connected nodes and their memory budgets, without measuring (flops and bandwidth are 1)."""
        clients = self._connections.clients
        statuses = await each(status_of, clients)
        return [unmeasured(client, status) for client, status in zip(clients, statuses, strict=True)]

    async def statuses(self) -> Mapping[str, Status]:
        """How the connected nodes are, by name, in the membership's order."""
        return await statuses_of(self._connections.clients)

    def placed(self, plan: Plan) -> Plan:
        """The plan by which the layers of a plan lie now that some were moved."""
        return self._placements[plan].plan if plan in self._placements else plan

    async def clean_up(self, node: str, idle_seconds: float = IDLE_SECONDS) -> CleanedUp:
        """Have a node end sessions that are idle for so long, whoever opened them, drop its standbys and give back
        memory that is free.

        Raises NodeLost, also where it is not connected, and RequestRefused.
        """
        client = next((each for each in self._connections.clients if each.name == node), None)
        if client is None:
            raise NodeLost(node, str(self.unreachable.get(node, "it is no node of this mesh that is connected")))
        self._standbys.forget(client)
        return await clean(client, idle_seconds)

    async def survey(self) -> Survey:
        """Have each node measure itself, and those links between any two of them that no sweep of the mesh has measured
        of late; takes a few seconds.

        One after the other, since nodes may share a machine. A link that cannot be made counts as unreachable. Raises
        NodeLost.
        """
        return await survey_nodes(self._connections.clients, self._recent)

    async def distribute(
        self, checkpoint: Checkpoint, plan: Plan, progress: Progress | None = None
    ) -> DistributionReport:
        """Give every node of the plan its shard and have it loaded, all at the same time.

        Raises Unsplittable before anything is sent, RequestRefused (`tensor` names one that arrived altered),
        StageFailed, CheckpointError.
        """
        report = await self._distribute(checkpoint, plan, progress)
        self._placements.pop(plan, None)  # wherever its layers had been moved, now they lie as it says
        return report

    async def _distribute(
        self, checkpoint: Checkpoint, plan: Plan, progress: Progress | None = None, *, store_only: bool = False
    ) -> DistributionReport:
        from strata.inference.decoder.stage import check_splittable

        await trio.to_thread.run_sync(check_splittable, checkpoint.config, plan.weights)
        clients = await self._connections.for_stages(plan.stages)
        manifests = await trio.to_thread.run_sync(write_manifests, checkpoint, plan, self._home)

        async def send(index: int) -> ShardReport:
            try:
                return await send_shard(
                    clients[index], self._identity, checkpoint, manifests[index], progress, store_only=store_only
                )
            except NodeLost as error:
                raise StageFailed.of(plan.stages[index], error.reason) from error

        with self._standbys.paused(), span("distribute", nodes=[client.name for client in clients]) as traced:
            shards = tuple(await each(send, range(len(clients))))
            traced.set(bytes_sent=sum(shard.bytes_sent for shard in shards))
            return DistributionReport(shards)

    async def rebalance(
        self,
        checkpoint: Checkpoint,
        plan: Plan,
        *,
        horizon: float = 300.0,
        dry_run: bool = False,
        survey: tuple[Sequence[NodeProfile], Links] | None = None,
        recent: float = 0.0,
        patience: float = 60.0,
    ) -> Rebalanced:
        """Move layers of a plan under way to where they run faster, if that pays; its generations go on meanwhile.

        Measures the stages while they decode. horizon: seconds for which the work is expected to go on; dry_run:
        decide, and move nothing. survey: of the nodes, where there is one; else nodes without a stage count as fast as
        the median of the others, and links as fast as sweeps of the mesh found them, or pings are. recent: steps that
        are up to so many seconds old count too, so that a run that is over can be judged. patience: seconds to wait for
        enough steps.

        A move that does not deliver half of what was predicted is undone, and not tried again for some minutes. Raises
        NotMeasured, StageFailed, RequestRefused (code "busy": the nodes serve other coordinators), CheckpointError; the
        layers are then where they were, or where failover brings them.
        """
        placement = self._placements.setdefault(plan, Placement(plan))
        profile = await trio.to_thread.run_sync(profile_model, checkpoint.path, plan.dtype, plan.weights, plan.kv_cache)
        return await self._rebalancer.rebalance(
            placement,
            profile,
            survey or (await self.inventory(), links_between(self._connections.clients, self._recent)),
            lambda moved, store_only: self._distribute(checkpoint, moved, store_only=store_only),
            horizon=horizon,
            dry_run=dry_run,
            recent=recent,
            patience=patience,
        )

    async def generate(
        self,
        checkpoint: Checkpoint,
        plan: Plan,
        prompts: Prompts,
        params: GenerationParams | None = None,
        on_text: OnText | None = None,
        *,
        on_recovery: OnRecovery | None = None,
        watcher: Watcher | None = None,
        journal: Journal | None = None,
    ) -> GenerationResult:
        """Answer `prompts` (texts or token ids, one batch) with the nodes that hold the plan's shards.

        on_text(row, piece) is called as text comes. With a `watcher` the generation survives its nodes: when one dies,
        hangs or breaks, its layers move to an idle node or, by a new plan, to those that are left, or, where these have
        not the memory, to this process if it has; later generations of the plan begin there; on_recovery is called when
        it has gone on. From then on, idle nodes have all stages on disk and, as far as there is room, in memory (warm
        standby). Without one, raises StageFailed when a node fails (within seconds, never a hang). With a `journal` it
        goes on where an earlier one of the same name was cut off, and its text comes again from the beginning.

        Generations of a plan that run at the same time tell a watcher of one failure once.

        Where the nodes have no memory for one more, it waits until another generation of the plan has ended. Cancelling
        it, waiting or running, closes its sessions on the nodes.

        Raises RequestRefused (code "shard": distribute first; "memory": no room for the KV cache, with none of ours to
        wait for), NoTokenizer, ContextExceeded, LedgerError.
        """
        asked = Asked(prompts, params or GenerationParams(), on_text, on_recovery)
        (result,) = await self._answer(checkpoint, plan, [asked], watcher, journal)
        return result

    async def generate_each(
        self,
        checkpoint: Checkpoint,
        plan: Plan,
        prompts: Prompts,
        params: GenerationParams | None = None,
        on_text: OnText | None = None,
        *,
        watcher: Watcher | None = None,
        journal: Journal | None = None,
    ) -> list[GenerationResult]:
        """Answer each of `prompts` in a session of its own, all at the same time; as `generate` otherwise.

        None of them waits for the longest, as the rows of a batch do, and the nodes compute their steps together. The
        first error stops the others. What is drawn is what one batch of them would draw. A stage that fails under
        several of them is one failure to the `watcher`, and all of them are one answer to the `journal`.
        """
        asked = asked_apart(prompts, params or GenerationParams(), on_text)
        return await self._answer(checkpoint, plan, asked, watcher, journal)

    async def log_probabilities(
        self, checkpoint: Checkpoint, plan: Plan, questions: Sequence[Question]
    ) -> list[list[float]]:
        """For each prompt and each of its continuations, as token ids, the sum of the log-probabilities of the
        continuation's tokens after the prompt, in nats.

        By the nodes that hold the plan's shards, in batches; a batch for which they have no memory waits for those that
        run. Raises StageFailed when a node fails or layers are moved meanwhile, RequestRefused (code "shard":
        distribute first; "memory": no room for one batch), ContextExceeded for questions that the model cannot take.
        """
        from strata.inference.decoder.drafts import can_speculate

        now = self._placements.setdefault(plan, Placement(plan)).plan
        admission = self._admissions.setdefault(plan, Admission())
        profile = await trio.to_thread.run_sync(profile_model, checkpoint.path, plan.dtype, plan.weights, plan.kv_cache)
        check(questions, profile.max_context, profile.vocab_size)
        shared = await trio.to_thread.run_sync(can_speculate, checkpoint.config)
        batches = make_batches(questions, shared, profile.vocab_size)
        manifests = await trio.to_thread.run_sync(write_manifests, checkpoint, now, self._home)
        shards = [manifest.shard for manifest in manifests]
        sums = await score_batches(batches, now, shards, profile, connections=self._connections, admission=admission)
        return gather(questions, batches, sums)

    async def _answer(
        self,
        checkpoint: Checkpoint,
        plan: Plan,
        asked: Sequence[Asked],
        watcher: Watcher | None,
        journal: Journal | None,
    ) -> list[GenerationResult]:
        """Run a generation for each of what is asked, all at the same time."""
        texts = await trio.to_thread.run_sync(Texts.of, checkpoint.path)
        speculate = await trio.to_thread.run_sync(drafts_at_most, checkpoint, asked[0].params)
        generations = [
            Generation(
                texts,
                one.prompts,
                one.params,
                context=plan.context,
                on_text=one.on_text,
                on_recovery=one.on_recovery,
                speculate=speculate,
            )
            for one in asked
        ]
        placement = self._placements.setdefault(plan, Placement(plan))
        admission = self._admissions.setdefault(plan, Admission())
        profile = await trio.to_thread.run_sync(profile_model, checkpoint.path, plan.dtype, plan.weights, plan.kv_cache)
        if watcher is not None:
            self._standbys.cover(checkpoint, placement)

        async def run(index: int, told: Told | None) -> GenerationResult:
            generation = generations[index]
            nodes = MeshNodes(
                Job(checkpoint, profile, generation, asked[index].params),
                placement,
                self._connections,
                self._home,
                distribute=lambda moved: self._distribute(checkpoint, moved),
                admission=admission,
            )
            with span("generate", rows=generation.decoding.batch) as traced:
                if told is None:
                    stages = await run_unwatched(generation, placement, nodes)
                else:
                    stages = await Survivor(
                        generation, placement, profile, nodes=nodes, breakers=self._breakers, told=told
                    ).run()
                result = generation.result(stages)
                traced.set(tokens=result.tokens, recoveries=len(result.recoveries))
                return result

        async def run_all() -> list[GenerationResult]:
            with nullcontext() if watcher is None else self._telling.told(plan, watcher) as told:
                return await each(lambda index: run(index, told), range(len(generations)))

        if journal is None:
            results = await run_all()
        else:
            await journal.take_up(generations, asked[0].params, held_as(checkpoint, plan))
            results = await beside(run_all, journal.keep, generations)
            await journal.finish(generations)
        if watcher is not None:
            await self._leaks.tell([stage for result in results for stage in result.stages], watcher)
        return results
