"""The arguments of one position as slices of the arguments of a block of positions, where they are exactly that."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten
from transformers.cache_utils import Cache

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Sliced:
    """A leaf of the arguments that is one position of `block` along `axis`."""

    block: torch.Tensor
    axis: int


@dataclass(frozen=True)
class SlicedArguments:
    """Arguments of a layer, for any position of a block."""

    leaves: tuple[Any, ...]
    spec: TreeSpec

    def at(self, offset: int) -> Arguments:
        """The arguments for the position `offset` after the block's first."""
        leaves = [leaf.block.narrow(leaf.axis, offset, 1) if isinstance(leaf, Sliced) else leaf for leaf in self.leaves]
        arguments: Arguments = tree_unflatten(leaves, self.spec)
        return arguments

    def with_cache(self, cache: Cache) -> "SlicedArguments":
        """The same for another session, whose cache this is."""
        return SlicedArguments(tuple(cache if isinstance(leaf, Cache) else leaf for leaf in self.leaves), self.spec)

    @property
    def kinds(self) -> Hashable:
        """The form of the arguments, and at each leaf the axis it is sliced along, or its type."""
        leaves = (leaf.axis if isinstance(leaf, Sliced) else _kind(leaf) for leaf in self.leaves)
        return repr(self.spec), tuple(leaves)

    def is_same(self, other: "SlicedArguments") -> bool:
        """Whether the two hold the same objects: most layers share theirs."""
        return self.spec == other.spec and [*map(_key, self.leaves)] == [*map(_key, other.leaves)]


def slices(single: Arguments, block: Arguments, count: int) -> SlicedArguments | None:
    """`single`, one position's arguments, as the first of the `count` positions of `block`.

    None where an argument is neither that nor the same for every position.
    """
    if single.keys() != block.keys():
        return None
    leaves: list[Any] = []
    for name in single:
        ours, spec = tree_flatten(single[name])
        theirs, other = tree_flatten(block[name])
        if ours == [None]:  # no mask is needed for one position without padding, whatever a block needs
            leaves.append(None)
            continue
        if spec != other:
            return None
        for mine, wide in zip(ours, theirs, strict=True):
            leaf = _slice(mine, wide, count)
            if leaf is None and mine is not None:
                return None
            leaves.append(leaf)
    return SlicedArguments(tuple(leaves), tree_flatten(single)[1])


def _slice(single: Any, block: Any, count: int) -> Any:
    """`single` as a constant or as the first of `count` positions in `block`; None where it is neither."""
    if not isinstance(single, torch.Tensor):
        same = single is block or (isinstance(single, bool | int | float | str) and single == block)
        return single if same or isinstance(single, Cache) else None
    if not isinstance(block, torch.Tensor) or single.dim() != block.dim() or single.dtype != block.dtype:
        return None
    axes = [axis for axis in range(single.dim()) if single.shape[axis] != block.shape[axis]]
    if not axes:
        return single if torch.equal(single, block) else None
    (axis, *rest) = axes
    if rest or (single.shape[axis], block.shape[axis]) != (1, count):
        return None
    return Sliced(block, axis) if torch.equal(block.narrow(axis, 0, 1), single) else None


def _kind(leaf: Any) -> type:
    return Cache if isinstance(leaf, Cache) else type(leaf)


def _key(leaf: Any) -> Any:
    return (id(leaf.block), leaf.axis) if isinstance(leaf, Sliced) else id(leaf)
