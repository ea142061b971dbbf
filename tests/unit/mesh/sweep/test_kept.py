"""What is kept from sweep to sweep comes back as it was."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.network import Device, Network, Peer, Quality
from strata.mesh.sweep.decide import Change
from strata.mesh.sweep.found import Known
from strata.mesh.sweep.kept import HOLD_BACK_SWEEPS, KIND, Kept, Pending, read_kept, write_kept
from strata.store import Store

MESH = "0" * 32
FINITE = st.floats(0, 1e6)
PAIRS = st.tuples(st.text(max_size=5), st.text(max_size=5))
QUALITIES = st.builds(Quality, FINITE, FINITE, st.floats(0, 1), st.floats(0, exclude_min=True, allow_nan=False))


@given(st.dictionaries(PAIRS, st.tuples(st.none() | QUALITIES, st.integers(0, 9))), st.integers(0, 9))
def test_it_comes_back_as_it_was(tmp_path_factory, known, sweeps: int):
    store = Store(tmp_path_factory.getbasetemp() / "kept")
    kept = Kept(sweeps, Known(known), {("a", "b"): sweeps})
    write_kept(store, MESH, kept)
    assert read_kept(store, MESH) == kept


def test_another_mesh_or_a_damaged_file_begins_anew(tmp_path: Path):
    store = Store(tmp_path)
    assert read_kept(store, MESH) == Kept()
    store.put_artifact(b'{"sweeps": -1}', KIND, MESH)
    assert read_kept(store, MESH) == Kept()


def test_a_link_that_was_taken_back_is_held_back_for_a_while(tmp_path: Path):
    kept = Kept(5, Known(), {("a", "b"): 5})
    assert kept.held_back == {("a", "b")}
    later = Kept(5 + HOLD_BACK_SWEEPS, Known(), kept.taken_back)
    assert later.held_back == frozenset()
    write_kept(Store(tmp_path), MESH, later)
    assert read_kept(Store(tmp_path), MESH).taken_back == {}


def test_a_change_that_is_being_made_comes_back_with_the_mesh_before_it(tmp_path: Path):
    peers = {"a": Peer("a", Device.MOBILE, 2), "b": Peer("b"), "c": Peer("c")}
    before = Network(peers, {("a", "b"): Quality(0.01, 0.001, 0.1)}, {("b", "c"): Quality(0.02, bytes_per_second=5.0)})
    kept = Kept(3, pending=Pending(Change((("b", "c"),), (("a", "b"),)), before))
    write_kept(Store(tmp_path), MESH, kept)
    assert read_kept(Store(tmp_path), MESH) == kept


def test_a_change_to_a_mesh_that_cannot_be_begins_anew(tmp_path: Path):
    store = Store(tmp_path)
    store.put_artifact(
        b'{"sweeps": 1, "pairs": [], "taken_back": [], "pending": {"add": [], "drop": [], "before": "{}"}}', KIND, MESH
    )
    assert read_kept(store, MESH) == Kept()
