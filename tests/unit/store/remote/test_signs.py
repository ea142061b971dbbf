"""Signs: how long each counts, who stops in time, and whom nobody has to wait for."""

import hashlib

import pytest

from strata.store.refs import RefEntry
from strata.store.remote import MARK, RemoteError
from strata.store.remote.blobs import SharedBlobs, blob_key, ref_key, renewal_key
from strata.store.remote.collecting import collect_shared
from strata.store.remote.signs import LEASE_SECONDS, Clock, Signs
from tests.support.simulated import Actor, SimulatedRemote, World

DATA = b"a blob"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def world() -> World:
    made = World()
    made.files |= {MARK: (b"", made.now), blob_key(DIGEST): (DATA, made.now - 10_000)}
    return made


def slowly(world: World, task) -> tuple[Exception | None, list[str]]:
    """What ends an actor each of whose requests takes 10 s, and what was there when it had."""

    def act(actor: Actor) -> None:
        try:
            task(SharedBlobs(actor.remote, actor.clock, together=1))
        except RemoteError as error:
            ended.append(error)

    ended: list[Exception] = []
    actor = Actor("slow", world, act)
    while not actor.done:
        world.now += LEASE_SECONDS / 30
        actor.step()
    return next(iter(ended), None), list(world.files)


def test_a_namer_that_is_too_slow_names_nothing(world: World) -> None:
    needs = tuple(hashlib.sha256(bytes([number])).hexdigest() for number in range(10))
    for number, digest in enumerate(needs):
        world.files[blob_key(digest)] = bytes([number]), world.now
    error, files = slowly(world, lambda blobs: blobs.name("model", "best", RefEntry(DIGEST, needs)))
    assert "too slow" in str(error)
    assert ref_key("model", "best") not in files
    assert not [key for key in files if key.startswith("signs/")]


def test_a_collector_that_is_too_slow_removes_no_more(world: World) -> None:
    loose = [hashlib.sha256(bytes([number])).hexdigest() for number in range(20)]
    for number, digest in enumerate(loose):
        world.files[blob_key(digest)] = bytes([number]), world.now - 10_000
    error, files = slowly(world, lambda blobs: collect_shared(blobs, 3600, frozenset(), dry_run=False))
    left = sum(key.startswith("blobs/") for key in files)
    assert "too slow" in str(error)
    assert 0 < left < 21, "it did something, and not all"


@pytest.mark.parametrize("kind", ["naming", "sweeping"])
def test_nobody_heeds_a_sign_of_the_dead_for_longer_than_a_lease(world: World, kind: str) -> None:
    def pause(seconds: float) -> None:
        world.now += seconds

    signs = Signs(SimulatedRemote(world), Clock(lambda: world.now, pause))
    begun = world.now
    blobs = SharedBlobs(SimulatedRemote(world), Clock(lambda: world.now, pause), together=1)
    sign = getattr(signs, kind)([DIGEST])
    sign.__enter__()  # and it dies
    if kind == "sweeping":
        assert signs.clear(["0" * 64]) == frozenset()
        assert world.now == begun, "who means other blobs does not wait"
        blobs.renew(DIGEST)
        assert LEASE_SECONDS < world.now - begun < LEASE_SECONDS + 2
        return
    assert collect_shared(blobs, 3600, frozenset(), dry_run=False).removed == ()
    world.now += LEASE_SECONDS + 1
    report = collect_shared(blobs, 3600, frozenset(), dry_run=False)
    assert (report.removed, report.leftovers) == ((DIGEST,), 1)


def test_a_doubt_has_the_next_writer_write(world: World) -> None:
    blobs = SharedBlobs(SimulatedRemote(world), together=1)
    blobs.put(DIGEST, len(DATA), DATA)
    world.files[blob_key(DIGEST)] = b"a bloB", world.now
    blobs.put(DIGEST, len(DATA), DATA)
    assert blobs.remote.read(blob_key(DIGEST)) == b"a bloB", "nobody has looked at it"
    blobs.signs.doubt(DIGEST)
    blobs.put(DIGEST, len(DATA), DATA)
    assert blobs.remote.read(blob_key(DIGEST)) == DATA
    assert blobs.remote.list("signs") == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'["../x"]', b"[1]"])
def test_a_sign_that_is_none_stops_everybody(world: World, body: bytes) -> None:
    blobs = SharedBlobs(SimulatedRemote(world), together=1)
    world.files["signs/sweep-x"] = body, world.now
    with pytest.raises(RemoteError, match="signs/sweep-x is no sign"):
        blobs.name("model", "best", RefEntry(DIGEST))
    world.files["signs/naming-x"] = world.files.pop("signs/sweep-x")
    with pytest.raises(RemoteError, match="signs/naming-x is no sign"):
        collect_shared(blobs, 3600, frozenset(), dry_run=False)
    assert blob_key(DIGEST) in world.files


def test_a_collector_whose_one_removal_was_late_makes_no_other(world: World) -> None:
    """Its sign may count no more when the other one arrives."""

    class Late(SimulatedRemote):
        def remove(self, key: str) -> None:
            if key.startswith("renewed/"):
                world.now += LEASE_SECONDS / 2 + 1
            super().remove(key)

    world.files[renewal_key(DIGEST)] = b"", world.now - 9000
    blobs = SharedBlobs(Late(world), Clock(lambda: world.now), together=1)
    with pytest.raises(RemoteError, match="too slow"):
        collect_shared(blobs, 3600, frozenset(), dry_run=False)
    assert blob_key(DIGEST) in world.files
