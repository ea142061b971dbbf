"""Small meshes for tests, and the plainest way to see whether one holds."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from hypothesis import strategies as st

from strata.mesh.network import Device, Network, Pair, Peer, Quality

NAMES = "abcdefgh"


@st.composite
def meshes(
    draw: st.DrawFn, most_peers: int = 7, most_possible: int = 8, limits: st.SearchStrategy[int] | None = None
) -> Network:
    """Meshes with links and possible links of whole milliseconds; about one peer in five is mobile."""
    names = NAMES[: draw(st.integers(1, most_peers))]
    device = st.sampled_from([Device.SERVER] * 4 + [Device.MOBILE])
    peers = {name: Peer(name, draw(device), 64 if limits is None else draw(limits)) for name in names}
    pairs = draw(st.permutations(list(combinations(names, 2))))
    there = draw(st.integers(0, len(pairs)))
    quality = st.builds(Quality, st.integers(1, 9).map(lambda each: each / 1000))
    return Network(
        peers,
        {each: draw(quality) for each in pairs[:there]},
        {each: draw(quality) for each in pairs[there : there + most_possible]},
    )


def count_parts(network: Network, links: Iterable[Pair], left: set[str]) -> int:
    """Of those left: groups of carrying peers with paths between them, and mobile peers linked with none of these."""
    near: dict[str, set[str]] = {name: set() for name in left}
    for one, other in links:
        if one in left and other in left:
            near[one].add(other)
            near[other].add(one)
    carrying = {name for name in left if network.peers[name].carries}
    count = sum(not near[name] & carrying for name in left - carrying)
    seen: set[str] = set()
    for start in sorted(carrying):
        count += start not in seen
        open_ = [start]
        while open_:
            if (name := open_.pop()) not in seen:
                seen.add(name)
                open_ += near[name] & carrying
    return count


def in_parts(network: Network, links: Iterable[Pair], left: set[str]) -> bool:
    """Whether two of those left have no path of carrying peers."""
    return count_parts(network, links, left) > 1


def failures(network: Network, most: int) -> Iterator[tuple[str, ...]]:
    """All sets of so many peers at most, the smallest first."""
    for size in range(min(most, len(network.peers)) + 1):
        yield from combinations(network.peers, size)


def holds(network: Network, links: Iterable[Pair], survive: int) -> bool:
    """Whether the rest has one part after any so many failures."""
    kept = list(links)
    return not any(in_parts(network, kept, set(network.peers) - set(lost)) for lost in failures(network, survive))
