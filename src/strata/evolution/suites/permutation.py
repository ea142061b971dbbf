"""A seeded shuffle of 0 .. size-1 of which any entry can be computed alone.

A Feistel network over the next even power of two, applied again where it leaves the range (cycle walking: Black and
Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). It is a bijection whatever its round function does.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
Indices = NDArray[np.uint64]


class Permutation:
    """`permutation(i)` for each i of an array of integers in 0 .. size-1. Equal key and size: equal permutation."""

    def __init__(self, size: int, key: str) -> None:
        if not 0 < size < 1 << 60:
            raise ValueError(f"size is 1 to 2^60, not {size}")
        self._size = size
        self._half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        seed = hashlib.blake2b(key.encode(), digest_size=8 * _ROUNDS).digest()
        self._keys = np.frombuffer(seed, dtype="<u8")

    def __call__(self, indices: Indices) -> Indices:
        """Same shape as `indices`."""
        out = self._once(indices)
        while (outside := out >= self._size).any():
            out[outside] = self._once(out[outside])
        return out

    def _once(self, value: Indices) -> Indices:
        left, right = value >> self._half, value & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mix(right ^ key) & self._mask)
        return (left << self._half) | right


def _mix(value: Indices) -> Indices:
    """The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), modulo 2^64."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Indices = value ^ (value >> np.uint64(31))
    return mixed
