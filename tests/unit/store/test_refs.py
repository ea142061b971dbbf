"""Refs: names for blobs, which never leave their folder and never dangle."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.store import ArtifactRef, BlobMissing, InvalidName, RefCorrupt, Store
from strata.store.names import check_name
from tests.support.places import Place

ABSENT = "0" * 64
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+@=-]{0,127}", fullmatch=True)


@given(DIGESTS, NAMES, NAMES)
def test_a_ref_survives_json(digest: str, kind: str, name: str) -> None:
    ref = ArtifactRef(digest, kind, name)
    assert ArtifactRef.from_json(ref.to_json()) == ref


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps)))
def test_anything_else_is_not_a_ref(text: str | bytes) -> None:
    with pytest.raises(InvalidName):
        ArtifactRef.from_json(text)


@given(st.text(max_size=140))
def test_an_accepted_name_is_one_plain_file_name(name: str) -> None:
    try:
        check_name(name)
    except InvalidName:
        return
    assert Path("/refs", name).resolve() == Path("/refs") / name
    assert len(name.encode()) <= 128


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/a", "a\0b", ".hidden", "é", "a" * 129, "a\n"])
def test_other_names_are_refused_everywhere(store: Store, name: str) -> None:
    digest = store.put(b"x")
    for kind_and_name in ((name, "fine"), ("fine", name)):
        for act in (store.ref, store.drop_ref):
            with pytest.raises(InvalidName):
                act(*kind_and_name)
        with pytest.raises(InvalidName):
            store.set_ref(*kind_and_name, digest)
        with pytest.raises(InvalidName):
            store.put_artifact(b"never written", *kind_and_name)
    assert store.verify().checked == 1


def test_a_ref_moves_and_goes(store: Store) -> None:
    assert store.ref("model", "best") is None
    old = store.put_artifact(b"old", "model", "best")
    new = store.put_artifact(b"new", "model", "best")
    other = store.put_artifact(b"new", "answer", "best")
    assert (old.digest != new.digest, store.ref("model", "best")) == (True, new)
    assert list(store.refs()) == [other, new]
    store.drop_ref("model", "best")
    store.drop_ref("model", "best")
    assert list(store.refs()) == [other]


def test_a_ref_to_nothing_is_refused_and_changes_nothing(place: Place) -> None:
    store = place.machine()
    ref = store.put_artifact(b"there", "model", "best")
    for digest, needs in ((ABSENT, ()), (ref.digest, (ref.digest, ABSENT))):
        with pytest.raises(BlobMissing, match=ABSENT):
            store.set_ref("model", "best", digest, needs)
    assert list(store.refs()) == [ref]
    assert place.temporary() == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"digest": 1, "needs": []}', b'{"digest": "../x", "needs": []}']
)
def test_a_damaged_ref_stops_the_collector(place: Place, content: bytes) -> None:
    store = place.machine()
    digest = store.put_artifact(b"kept by a ref nobody can read", "model", "best").digest
    place.damage("model", "best", content)
    for act in (lambda: store.ref("model", "best"), lambda: list(store.refs()), lambda: store.gc(0)):
        with pytest.raises(RefCorrupt, match="model/best"):
            act()
    assert store.has(digest)
