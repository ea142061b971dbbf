"""Writers, namers and collectors on many machines, in every order of their requests, dying anywhere: what must hold.

Hypothesis chooses the order, the passing of time and the deaths. Two assumptions are made, which `signs` states: what
one has written all see, and no request is under way for longer than half of a lease.
"""

import hashlib
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strata.store import BlobMissing
from strata.store.refs import RefEntry, parse_entry
from strata.store.remote import MARK, RemoteError
from strata.store.remote.blobs import SharedBlobs, blob_key
from strata.store.remote.collecting import collect_shared
from strata.store.remote.signs import LEASE_SECONDS
from tests.support.simulated import Actor, SimulatedRemote, World

GRACE = 3600.0
CONTENTS = {hashlib.sha256(data).hexdigest(): data for data in (b"one", b"two", b"three")}
MOST = 4  # actors at once

digests = st.sampled_from(sorted(CONTENTS))
names = st.sampled_from(["best", "latest"])


class Machines(RuleBasedStateMachine):
    """grace: of every collection."""

    grace = GRACE

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.files[MARK] = b"", self.world.now
        for digest, content in CONTENTS.items():  # old, and named by nobody
            self.world.files[blob_key(digest)] = content, self.world.now - 2 * GRACE
        self.actors: list[Actor] = []
        self.promised: dict[str, float] = {}  # until when a blob has to be there
        self.count = 0

    def begin(self, what: str, task) -> None:
        self.count += 1
        self.actors.append(Actor(f"{what} {self.count}", self.world, task))

    def blobs(self, actor: Actor) -> SharedBlobs:
        return SharedBlobs(actor.remote, actor.clock, together=1)

    def promise(self, digest: str, begun: float) -> None:
        self.promised[digest] = max(self.promised.get(digest, 0.0), begun + self.grace)

    @precondition(lambda self: len(self.actors) < MOST)
    @rule(digest=digests)
    def put(self, digest: str) -> None:
        def task(actor: Actor) -> None:
            begun, data = self.world.now, CONTENTS[digest]
            self.blobs(actor).put(digest, len(data), data)
            self.promise(digest, begun)

        self.begin("put", task)

    @precondition(lambda self: len(self.actors) < MOST)
    @rule(digest=digests)
    def renew(self, digest: str) -> None:
        def task(actor: Actor) -> None:
            begun = self.world.now
            with suppress(BlobMissing):
                self.blobs(actor).renew(digest)
                self.promise(digest, begun)

        self.begin("renew", task)

    @precondition(lambda self: len(self.actors) < MOST)
    @rule(name=names, digest=digests, need=st.none() | digests)
    def name(self, name: str, digest: str, need: str | None) -> None:
        def task(actor: Actor) -> None:
            with suppress(BlobMissing, RemoteError):  # RemoteError: it took too long
                self.blobs(actor).name("model", name, RefEntry(digest, (need,) if need else ()))

        self.begin("name", task)

    @precondition(lambda self: len(self.actors) < MOST)
    @rule(name=names)
    def drop(self, name: str) -> None:
        self.begin("drop", lambda actor: self.blobs(actor).drop("model", name))

    @precondition(lambda self: len(self.actors) < MOST)
    @rule()
    def collect(self) -> None:
        def task(actor: Actor) -> None:
            with suppress(RemoteError):  # it took too long
                collect_shared(self.blobs(actor), self.grace, frozenset(), dry_run=False)

        self.begin("collect", task)

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), steps=st.integers(1, 25))
    def go_on(self, data: st.DataObject, steps: int) -> None:
        actor = self.one(data)
        for _ in range(steps):
            if actor.done:
                break
            actor.step()
        self.actors = [each for each in self.actors if not each.done]

    @precondition(lambda self: self.actors)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        actor = self.one(data)
        actor.kill()
        self.actors.remove(actor)

    @rule(seconds=st.sampled_from([1.0, LEASE_SECONDS / 4, LEASE_SECONDS / 2, LEASE_SECONDS + 1, GRACE / 2, GRACE + 1]))
    def pass_time(self, seconds: float) -> None:
        slowest = max((actor.slow for actor in self.actors), default=0.0)
        if self.actors:
            seconds = min(seconds, LEASE_SECONDS / 2 - slowest)
        self.world.now += max(seconds, 0.0)

    def one(self, data: st.DataObject) -> Actor:
        return self.actors[data.draw(st.integers(0, len(self.actors) - 1), label="actor")]

    @invariant()
    def names_stand_for_what_is_there(self) -> None:
        for key, (body, _) in self.world.files.items():
            if key.startswith("refs/"):
                entry = parse_entry(body, key)
                for digest in (entry.digest, *entry.needs):
                    assert self.world.files.get(blob_key(digest), (None,))[0] == CONTENTS[digest], key

    @invariant()
    def what_was_promised_is_there(self) -> None:
        for digest, until in self.promised.items():
            assert self.world.now >= until or blob_key(digest) in self.world.files, digest

    def teardown(self) -> None:
        """Once all are dead and their time is over, one collection leaves what is named, and nothing else."""
        for actor in self.actors:
            actor.kill()
        self.world.now += LEASE_SECONDS + GRACE + 1
        collect_shared(SharedBlobs(SimulatedRemote(self.world)), self.grace, frozenset(), dry_run=False)
        self.names_stand_for_what_is_there()
        refs = [parse_entry(body, key) for key, (body, _) in self.world.files.items() if key.startswith("refs/")]
        named = {digest for entry in refs for digest in (entry.digest, *entry.needs)}
        assert {key.rpartition("/")[2] for key in self.world.files if key.startswith("blobs/")} == named
        assert not [key for key in self.world.files if key.startswith("signs/")]
        assert {key.rpartition("/")[2] for key in self.world.files if key.startswith("renewed/")} <= named


class WithoutGrace(Machines):
    """Even then a name stands for what is there; nothing else is promised."""

    grace = 0.0


_MANY = settings(max_examples=200, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestMachines = Machines.TestCase
TestMachines.settings = _MANY
TestWithoutGrace = WithoutGrace.TestCase
TestWithoutGrace.settings = _MANY
