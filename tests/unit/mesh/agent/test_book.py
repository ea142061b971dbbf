"""The neighbours that an agent was told, on disk."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from strata.mesh.agent import NeighbourBook

PEERS = tuple(f"peer-{number}" for number in range(40))


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path):
    """A coordinator has an agent dial several at a time, and each is written down by a thread."""
    book = NeighbourBook("mesh", tmp_path / "neighbours")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(book.add, PEERS))
        list(threads.map(book.remove, PEERS[::2]))
    assert {*book.peers} == {*NeighbourBook("mesh", tmp_path / "neighbours").peers} == {*PEERS[1::2]}
