"""Which parts of a mesh can be made to survive how much.

With all possible links there, a mesh may still not survive what is wanted: somewhere one peer can be reached through
one other only. The rest is mended all the same. For each number of failures, the parts are the largest sets of peers
that would survive as many among themselves (for one failure the blocks, for none the components; in general the
k-components of Matula, "k-blocks and ultrablocks in graphs", 1978). Two share fewer peers than it takes to cut either.
"""

from collections.abc import Iterable

from strata.mesh.topology.disjoint import Graph, separators

Part = tuple[int, frozenset[int]]  # links apart from any failures that each two of these peers need; the peers


def parts(graph: Graph, peers: Iterable[int], need: int) -> list[Part]:
    """Of the graph of all links, among these peers; a part that is one for a larger need also is not repeated."""
    found: list[Part] = []
    level = [frozenset(peers)]
    for each in range(1, need + 1):
        level = _largest(inner for part in level for inner in _inside(graph, part, each))
        found = [(less, part) for less, part in found if part not in level] + [(each, part) for part in level]
    return found


def induced(graph: Graph, peers: Iterable[int]) -> tuple[list[int], list[list[int]]]:
    """The peers in order, and the graph among them by their place in it."""
    kept = sorted(peers)
    place = {peer: at for at, peer in enumerate(kept)}
    return kept, [[place[other] for other in graph[peer] if other in place] for peer in kept]


def pieces(graph: Graph, without: set[int]) -> list[set[int]]:
    """The connected components of the rest."""
    found: list[set[int]] = []
    seen = set(without)
    for start in range(len(graph)):
        if start in seen:
            continue
        piece, open_ = {start}, [start]
        while open_:
            fresh = [other for other in graph[open_.pop()] if other not in seen and other not in piece]
            piece.update(fresh)
            open_ += fresh
        seen |= piece
        found.append(piece)
    return found


def _inside(graph: Graph, part: frozenset[int], need: int) -> list[frozenset[int]]:
    found = []
    open_ = [part]
    while open_:
        kept, inner = induced(graph, _core(graph, open_.pop(), need))
        if len(kept) <= need:
            continue
        cut = next(separators(inner, need), None)
        if cut is None:
            found.append(frozenset(kept))
            continue
        open_ += [frozenset(kept[at] for at in piece | cut[1]) for piece in pieces(inner, cut[1])]
    return found


def _core(graph: Graph, part: frozenset[int], need: int) -> set[int]:
    """Without those that have fewer neighbours in it, as long as there are any."""
    kept = set(part)
    count = {peer: sum(other in kept for other in graph[peer]) for peer in kept}
    few = [peer for peer in kept if count[peer] < need]
    while few:
        kept.discard(peer := few.pop())
        for other in graph[peer]:
            if other in kept:
                count[other] -= 1
                if count[other] == need - 1:
                    few.append(other)
    return kept


def _largest(some: Iterable[frozenset[int]]) -> list[frozenset[int]]:
    found: list[frozenset[int]] = []
    for each in sorted(set(some), key=lambda part: (-len(part), sorted(part))):
        if not any(each < other for other in found):
            found.append(each)
    return found
