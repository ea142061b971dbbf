"""A family tree as text: a model above its parents, each shown once in full."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TreeNode:
    """A model of the tree: `label` is its line, `parents` the digests of those below it, in order."""

    digest: str
    label: str
    parents: Sequence[str]


def family_tree(nodes: Mapping[str, TreeNode], root: str, depth: int) -> tuple[str, ...]:
    """Lines of the tree from `root` down to `depth` steps of ancestors.

    A model that was shown before is marked "(above)" and not followed again; one whose parents are too deep ends in
    "…".
    """
    return tuple(_walk(nodes, root, depth, ("", ""), set()))


def _walk(
    nodes: Mapping[str, TreeNode], digest: str, depth: int, before: tuple[str, str], seen: set[str]
) -> Iterator[str]:
    """before: what stands left of the model's own line, and of those below it."""
    node, (first, rest) = nodes[digest], before
    if node.parents and (digest in seen or depth == 0):
        yield f"{first}{node.label} {'(above)' if digest in seen else '…'}"
        return
    seen.add(digest)
    yield f"{first}{node.label}"
    for index, parent in enumerate(node.parents, start=1):
        branch, stem = ("└─ ", "   ") if index == len(node.parents) else ("├─ ", "│  ")
        yield from _walk(nodes, parent, depth - 1, (rest + branch, rest + stem), seen)
