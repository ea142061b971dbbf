"""Two machines at once, in every order of their requests with few changes between them: what must hold.

What breaks an agreement of two needs few changes from one to the other; these are tried one by one, not by chance.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product

import pytest

from strata.store import BlobMissing
from strata.store.refs import RefEntry
from strata.store.remote import MARK, RemoteError
from strata.store.remote.blobs import SharedBlobs, blob_key, ref_key, renewal_key
from strata.store.remote.collecting import collect_shared
from strata.store.remote.signs import LEASE_SECONDS
from tests.support.simulated import Actor, World

GRACE = 3600.0
DATA = b"a blob"
DIGEST = hashlib.sha256(DATA).hexdigest()
MOST = 40  # requests of one actor


def blobs(actor: Actor) -> SharedBlobs:
    return SharedBlobs(actor.remote, actor.clock, together=1)


def collect(grace: float, outcome: list[str]) -> Callable[[Actor], None]:
    def task(actor: Actor) -> None:
        with suppress(RemoteError):  # it took too long
            collect_shared(blobs(actor), grace, frozenset(), dry_run=False)

    return task


def name(grace: float, outcome: list[str]) -> Callable[[Actor], None]:
    def task(actor: Actor) -> None:
        with suppress(BlobMissing, RemoteError):
            blobs(actor).name("model", "best", RefEntry(DIGEST))
            outcome.append("named")

    return task


def put(grace: float, outcome: list[str]) -> Callable[[Actor], None]:
    def task(actor: Actor) -> None:
        blobs(actor).put(DIGEST, len(DATA), DATA)
        outcome.append("there")

    return task


def renew(grace: float, outcome: list[str]) -> Callable[[Actor], None]:
    def task(actor: Actor) -> None:
        with suppress(BlobMissing):
            blobs(actor).renew(DIGEST)
            outcome.append("there")

    return task


def world() -> World:
    """One that has an old blob which nothing names."""
    made = World()
    made.files |= {MARK: (b"", made.now), blob_key(DIGEST): (DATA, made.now - 2 * GRACE)}
    return made


def go(actor: Actor, steps: int) -> None:
    for _ in range(steps):
        if not actor.done:
            actor.step()


def length(task) -> int:
    """Requests of an actor that is alone."""
    actor, count = Actor("alone", world(), task(GRACE, [])), 0
    while not actor.done:
        actor.step()
        count += 1
    return count


def orders(one, other) -> Iterator[tuple[int, int, int]]:
    """How many requests of the one, of the other and of the one come first; the other ends then, and the one."""
    mine, theirs = length(one), length(other)
    assert max(mine, theirs) < MOST
    return product(range(mine + 1), range(theirs + 1), range(mine + 1))


def holds(made: World, outcome: list[str], grace: float) -> None:
    there = made.files.get(blob_key(DIGEST), (None,))[0] == DATA
    assert there or ref_key("model", "best") not in made.files, "a name stands for nothing"
    assert there or "there" not in outcome or grace == 0, "what was promised is gone"


@pytest.mark.parametrize(("grace", "pause"), [(GRACE, 0.0), (0.0, LEASE_SECONDS / 2)])
@pytest.mark.parametrize("writer", [name, put, renew])
def test_a_writer_and_a_collector(writer, grace: float, pause: float) -> None:
    """pause: for how long the request of each that the other comes before is under way."""
    for first, second in ((writer, collect), (collect, writer)):
        for before, between, then in orders(first, second):
            made, outcome = world(), []
            one = Actor("one", made, first(grace, outcome))
            go(one, before)
            other = Actor("other", made, second(grace, outcome))
            go(other, between)
            made.now += pause
            go(one, then)
            go(other, MOST)
            go(one, MOST)
            holds(made, outcome, grace)
            for actor in (one, other):
                if not actor.done:
                    actor.kill()
            holds(made, outcome, grace)


@pytest.mark.parametrize("writer", [name, put, renew])
def test_a_writer_between_two_collectors(writer) -> None:
    """One of them has looked before the other has removed; what is put in between must not fall to its late hand."""
    whole = length(collect)
    for early, mine in product(range(whole + 1), range(length(writer) + 3)):
        made, outcome = world(), []
        late = Actor("late", made, collect(GRACE, outcome))
        go(late, early)
        quick = Actor("quick", made, collect(GRACE, outcome))
        writing = Actor("writing", made, writer(GRACE, outcome))
        go(quick, MOST)
        go(writing, mine)
        go(late, MOST)
        go(writing, MOST)
        holds(made, outcome, GRACE)
        for actor in (late, quick, writing):
            if not actor.done:
                actor.kill()


def test_a_renewal_is_not_lost_to_who_collects_what_is_gone() -> None:
    """The file of a renewal outlives its blob; the collector that takes it does not take a newer one."""
    whole = length(collect)
    for early, mine in product(range(whole + 1), range(1, length(put) + length(renew) + 1)):
        made, outcome = World(), []
        made.files |= {MARK: (b"", made.now), renewal_key(DIGEST): (b"", made.now - 2 * GRACE)}
        late = Actor("late", made, collect(GRACE, outcome))
        go(late, early)

        def task(actor: Actor, made=made) -> None:
            blobs(actor).put(DIGEST, len(DATA), DATA)
            made.now += 60
            blobs(actor).renew(DIGEST)

        writing = Actor("writing", made, task)
        go(writing, mine)
        go(late, MOST)
        go(writing, MOST)
        if writing.done:
            assert renewal_key(DIGEST) in made.files
        for actor in (late, writing):
            if not actor.done:
                actor.kill()
