"""What sweeps of late tell who plans on the mesh: only what is fresh, of this mesh, and of members that lived."""

from pathlib import Path

import pytest

from strata.mesh.network import Quality
from strata.mesh.sweep.found import Known
from strata.mesh.sweep.kept import Kept, write_kept
from strata.mesh.sweep.recent import FRESH_SECONDS, Recent, Seen, recent_sweeps
from strata.settings import Settings
from strata.store import Ledger, Store

MESH, OTHER = "0" * 32, "1" * 32
GOOD = Quality(0.01, 0.0, 0.0, 1e6)
NOW = 1_000_000.0


def swept(settings: Settings, number: int, at: float, dead=(), mesh: str = MESH) -> None:
    """A run of one sweep, in the ledger."""
    with Ledger(settings.ledger) as ledger:
        run = ledger.start_run("mesh", "1")
        ledger.finish_run(
            run, "completed", {"mesh": mesh, "sweeps": [{"number": number, "at": at, "dead": list(dead)}]}
        )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(STRATA_HOME=tmp_path)


def test_where_nothing_was_swept_nothing_is_known(settings: Settings):
    assert recent_sweeps(settings, MESH) == Recent()


def test_each_pair_has_the_time_of_its_own_sweep(settings: Settings):
    known = Known({("a", "b"): (GOOD, 6), ("a", "c"): (GOOD, 7), ("b", "c"): (GOOD, 4)})
    write_kept(Store(settings.store_root), MESH, Kept(8, known))
    swept(settings, 6, NOW - 300, dead=["c"])
    swept(settings, 7, NOW, dead=["d"])
    swept(settings, 9, NOW + 50, dead=["a"], mesh=OTHER)
    with Ledger(settings.ledger) as ledger:
        ledger.start_run("mesh", "1")  # one that is under way has no figures
    assert recent_sweeps(settings, MESH) == Recent(
        {("a", "b"): Seen(GOOD, NOW - 300), ("a", "c"): Seen(GOOD, NOW)}, frozenset("d"), NOW
    )


def test_where_sweeps_are_counted_anew_the_newer_one_of_a_number_counts(settings: Settings):
    write_kept(Store(settings.store_root), MESH, Kept(1, Known({("a", "b"): (GOOD, 0)})))
    swept(settings, 0, NOW - 300)
    swept(settings, 0, NOW)
    assert recent_sweeps(settings, MESH).pairs == {("a", "b"): Seen(GOOD, NOW)}


@pytest.mark.parametrize("age", [0, FRESH_SECONDS])
def test_what_is_fresh_counts_whoever_asks(age: float):
    recent = Recent({("a", "b"): Seen(GOOD, NOW)}, frozenset("d"), NOW)
    assert recent.between("a", "b", NOW + age) == recent.between("b", "a", NOW + age) == Seen(GOOD, NOW)
    assert recent.between("a", "c", NOW + age) is None
    assert recent.is_dead("d", NOW + age)
    assert not recent.is_dead("a", NOW + age)


@pytest.mark.parametrize("age", [-1, FRESH_SECONDS + 1])
def test_what_is_old_or_of_another_clock_does_not(age: float):
    recent = Recent({("a", "b"): Seen(GOOD, NOW)}, frozenset("d"), NOW)
    assert recent.between("a", "b", NOW + age) is None
    assert not recent.is_dead("d", NOW + age)


def test_a_link_that_failed_is_one_unless_its_end_was_dead_then(settings: Settings):
    known = Known({("a", "b"): (None, 6), ("a", "d"): (None, 6), ("b", "d"): (GOOD, 6), ("a", "c"): (None, 7)})
    write_kept(Store(settings.store_root), MESH, Kept(8, known))
    swept(settings, 6, NOW, dead=["d"])
    swept(settings, 7, NOW, dead=[])
    assert recent_sweeps(settings, MESH).pairs == {
        ("a", "b"): Seen(None, NOW), ("b", "d"): Seen(GOOD, NOW), ("a", "c"): Seen(None, NOW)
    }  # fmt: skip
