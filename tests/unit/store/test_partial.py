"""Blobs that arrive in pieces, from writers that break off."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.files import try_lock
from strata.store import BlobCorrupt, PartialBusy, Store, StoreError, partial

DATA = bytes(range(256)) * 5_000  # 1.28 MB: more than one hashing step
DIGEST = hashlib.sha256(DATA).hexdigest()


@given(data=st.binary(max_size=300), cuts=st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=12))
def test_any_way_of_cutting_and_breaking_off_gives_the_blob(data: bytes, cuts: list[tuple[int, bool]]) -> None:
    digest = hashlib.sha256(data).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        part = store.partial(digest, len(data))
        done = 0
        for cut, breaks_off in sorted(cuts):
            piece = data[done:cut]
            part.write(piece)
            done += len(piece)
            if breaks_off:
                with part:
                    pass
                part = store.partial(digest, len(data))
            assert part.offset == done
        with part:
            part.write(memoryview(data)[done:])
            assert not store.has(digest)
            part.commit()
        assert store.read(digest) == data
        assert list(store.layout.partials.iterdir()) == []


def test_a_second_writer_is_turned_away_until_the_first_has_left(store: Store) -> None:
    with store.partial(DIGEST, len(DATA)) as first:
        first.write(DATA[:1000])
        with pytest.raises(PartialBusy, match=DIGEST):
            store.partial(DIGEST, len(DATA))
        first.write(DATA[1000:2000])
    with store.partial(DIGEST, len(DATA)) as second:
        assert second.offset == 2000


def test_a_writer_that_loses_the_race_for_the_lock_leaves_the_published_blob_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one publishes between our opening the file and our locking it: what we then hold is the blob itself."""

    def after_the_other(descriptor: int) -> bool:
        monkeypatch.setattr(partial, "try_lock", try_lock)
        with store.partial(DIGEST, len(DATA)) as other:
            other.write(DATA)
            other.commit()
        with store.partial(DIGEST, 5) as next_one:
            next_one.write(b"abc")
        return try_lock(descriptor)

    monkeypatch.setattr(partial, "try_lock", after_the_other)
    with store.partial(DIGEST, 5) as late:
        assert late.offset == 3
        late.write(b"de")
    assert store.read(DIGEST) == DATA


def test_more_bytes_than_announced_are_refused_and_not_written(store: Store) -> None:
    with store.partial(DIGEST, len(DATA)) as part:
        part.write(DATA[:-1])
        with pytest.raises(StoreError, match=f"{len(DATA) + 1} bytes offered, {len(DATA)} announced"):
            part.write(b"xy")
        part.write(DATA[-1:])
        part.commit()
    assert store.read(DIGEST) == DATA


@pytest.mark.parametrize(
    ("data", "reason"), [(DATA[:-1], "1279999 of 1280000 bytes"), (DATA[:-1] + b"!", "SHA-256 differs")]
)
def test_wrong_bytes_are_discarded_so_that_the_next_try_starts_afresh(store: Store, data: bytes, reason: str) -> None:
    with store.partial(DIGEST, len(DATA)) as part:
        part.write(data)
        with pytest.raises(BlobCorrupt, match=reason):
            part.commit()
    assert not store.has(DIGEST)
    with store.partial(DIGEST, len(DATA)) as part:
        assert part.offset == 0


def test_rot_in_what_had_arrived_is_found_at_the_end(store: Store) -> None:
    with store.partial(DIGEST, len(DATA)) as part:
        part.write(DATA[:5000])
    path = store.layout.partial(DIGEST)
    path.write_bytes(b"?" + path.read_bytes()[1:])
    with store.partial(DIGEST, len(DATA)) as part:
        part.write(DATA[part.offset :])
        with pytest.raises(BlobCorrupt):
            part.commit()


def test_a_leftover_longer_than_the_blob_is_thrown_away(store: Store) -> None:
    with store.partial(DIGEST, len(DATA) + 10) as part:
        part.write(DATA + b"too long")
    with store.partial(DIGEST, len(DATA)) as part:
        assert part.offset == 0


def test_a_negative_size_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="-1 bytes"):
        store.partial(DIGEST, -1)


def test_pieces_of_wider_items_count_in_bytes(store: Store) -> None:
    with store.partial(DIGEST, len(DATA)) as part:
        part.write(memoryview(DATA).cast("d"))
        assert part.offset == len(DATA)
        part.commit()
    assert store.read(DIGEST) == DATA
