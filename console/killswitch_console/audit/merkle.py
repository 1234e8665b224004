"""The Merkle tree of RFC 6962: one hash for the whole trail, and short proofs for one event of it.

Pure. An ``Edge`` (the right-hand rim of the tree) is all that is needed to go on growing a tree of any size. Proofs are
only made here; who checks them does so with nothing of ours but one script (``standalone.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY: Final = sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """The hash of one event's bytes."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Edge:
    """The roots of the perfect subtrees that make up a tree of ``size`` leaves, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has not {len(self.hashes)} perfect subtrees")

    def grown(self, leaves: Iterable[bytes]) -> Edge:
        """The edge after these leaf hashes were appended."""
        tree = GrowingTree(self)
        for leaf in leaves:
            tree.append(leaf)
        return tree.edge()

    def root(self) -> bytes:
        """The tree's root hash."""
        if not self.hashes:
            return EMPTY
        *rest, root = self.hashes
        for left in reversed(rest):
            root = node_hash(left, root)
        return root

    def __bytes__(self) -> bytes:
        return b"".join(self.hashes)

    @classmethod
    def read(cls, size: int, data: bytes) -> Edge:
        """An edge from its bytes. Raises ``ValueError``."""
        return cls(size, tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)))


class GrowingTree:
    """A tree that leaves are appended to one by one; only its edge is kept."""

    __slots__ = ("_hashes", "size")

    def __init__(self, edge: Edge | None = None) -> None:
        self.size = edge.size if edge else 0
        self._hashes = list(edge.hashes) if edge else []

    def append(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        merges, hashes = self.size, self._hashes
        while merges & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            merges >>= 1
        hashes.append(leaf)
        self.size += 1

    def edge(self) -> Edge:
        """The edge as it is now."""
        return Edge(self.size, tuple(self._hashes))


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


class Levels:
    """A tree with all its perfect inner nodes at hand: proofs for many leaves at the price of one pass."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._levels = [bytearray()]
        for leaf in leaves:
            self._levels[0] += leaf
        while (below := len(self._levels[-1]) // HASH_BYTES) > 1:
            pairs = range(below // 2)
            last = len(self._levels) - 1
            self._levels.append(
                bytearray(b"".join(node_hash(self._at(last, 2 * i), self._at(last, 2 * i + 1)) for i in pairs))
            )

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0]) // HASH_BYTES

    def root(self) -> bytes:
        """The root of the whole tree."""
        return self._range(0, self.size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of a leaf in the tree of the first ``size`` leaves."""
        start, end, path = 0, size, list[bytes]()
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return path[::-1]

    def _range(self, start: int, end: int) -> bytes:
        width = end - start
        if width == 0:
            return EMPTY
        if width & (width - 1) == 0 and start % width == 0:
            return self._at(width.bit_length() - 1, start // width)
        middle = start + _split(width)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def _at(self, level: int, index: int) -> bytes:
        return bytes(self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES])
