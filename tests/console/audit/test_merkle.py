"""The tree: known answers of RFC 6962's reference implementation, and its laws against the definition."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from killswitch_console.audit import standalone
from killswitch_console.audit.merkle import Edge, Levels, leaf_hash, node_hash

# Test vectors of the Certificate Transparency reference implementation (merkletree_test).
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]

sizes = st.integers(1, 130)


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


def test_known_roots() -> None:
    assert [Edge().grown(LEAVES[: n + 1]).root().hex() for n in range(8)] == ROOTS
    assert Edge().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_known_proofs() -> None:
    levels = Levels(LEAVES)
    assert [step.hex() for step in levels.inclusion(0, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


@given(st.binary(max_size=100), st.binary(max_size=64))
def test_the_reviewers_script_hashes_as_the_console_does(one: bytes, other: bytes) -> None:
    assert standalone.leaf_hash(one) == leaf_hash(one)
    assert standalone.node_hash(one, other) == node_hash(one, other)


def some_leaves(size: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(size)]


@settings(deadline=None)
@given(sizes, st.data())
def test_an_edge_grows_to_the_defined_root(size: int, data: st.DataObject) -> None:
    leaves = some_leaves(size)
    cut = data.draw(st.integers(0, size))
    edge = Edge().grown(leaves[:cut])
    edge = Edge.read(edge.size, bytes(edge)).grown(leaves[cut:])
    assert edge.root() == defined_root(leaves) == Levels(leaves).root()


@settings(deadline=None)
@given(sizes, st.data())
def test_inclusion_proofs_lead_to_the_root_and_no_other_leaf_does(size: int, data: st.DataObject) -> None:
    leaves = some_leaves(size)
    levels = Levels(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = levels.inclusion(index, size)
    assert standalone.root_of_proof(leaves[index], index, size, proof) == levels.root()
    assert standalone.root_of_proof(leaf_hash(b"other"), index, size, proof) != levels.root()
    with pytest.raises(standalone.Problem, match="too short"):
        standalone.root_of_proof(leaves[index], index, size + size, proof)
    with pytest.raises(standalone.Problem, match="too long"):
        standalone.root_of_proof(leaves[index], index, size, [*proof, *([levels.root()] * 2)])
