"""The sum tree against a plain recomputation, node by node."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from sealing_support import IDENTITY, ORDER_THREE

from primitives import decoding_reasons, sum_tree
from primitives.backend import Backend, PointVector
from primitives.errors import DecodingError
from primitives.sum_tree import (
    IdentitySumError,
    SumNode,
    build_tree,
    climb_path,
    join_records,
    leaf_hash,
    level_offset,
    node_hash,
    split_leaves,
    split_nodes,
    tree_height,
)

Levels = list[list[SumNode]]
NODE_SIZE: Final = 80


def sample(backend: Backend, count: int) -> tuple[list[bytes], PointVector]:
    """Tags and commitments; one commitment lies outside G1, as the tree allows."""
    tags = [hashlib.sha256(b"tag %d" % index).digest() for index in range(count)]
    points = backend.hash_to_curve([b"%d" % index for index in range(count)], b"SUM-TREE-TEST")
    torsion = backend.points_from_compressed(ORDER_THREE).concat(backend.identity(count - 1))
    return tags, points.add(torsion)


def plain_levels(backend: Backend, tags: list[bytes], points: PointVector) -> Levels:
    """The definition, word for word: hashes by hashlib, sums of single points."""
    singles = [points.slice(index, index + 1) for index in range(len(points))]
    nodes = [
        SumNode(hashlib.sha256(b"\x00" + tag + point.to_compressed()).digest(), point.to_compressed())
        for tag, point in zip(tags, singles, strict=True)
    ]
    levels = [nodes]
    while len(nodes) > 1:
        singles = [singles[i].add(singles[i + 1]) for i in range(0, len(singles), 2)]
        nodes = [
            SumNode(
                hashlib.sha256(b"\x01" + left.hash + left.sum + right.hash + right.sum).digest(),
                point.to_compressed(),
            )
            for left, right, point in zip(nodes[::2], nodes[1::2], singles, strict=True)
        ]
        levels.append(nodes)
    return levels


def chunks(tags: list[bytes], points: PointVector, size: int) -> Iterator[tuple[bytes, PointVector]]:
    for start in range(0, len(tags), size):
        yield b"".join(tags[start : start + size]), points.slice(start, start + size)


@pytest.mark.parametrize("chunk_height", [0, 1, 2, 3, 14])
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_every_node_is_as_defined(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, count: int, chunk_height: int
) -> None:
    monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", chunk_height)
    tags, points = sample(backend, count)
    expected = plain_levels(backend, tags, points)
    seen: dict[tuple[int, int], SumNode] = {}
    file = bytearray(level_offset(count, tree_height(count)) + NODE_SIZE)

    def sink(level: int, first: int, hashes: bytes, sums: bytes) -> None:
        nodes = split_nodes(join_records(hashes, 32, sums, 48))
        for index, node in enumerate(nodes, start=first):
            assert (level, index) not in seen
            seen[level, index] = node
        start = level_offset(count, level) + NODE_SIZE * first
        file[start : start + NODE_SIZE * len(nodes)] = join_records(hashes, 32, sums, 48)

    size = min(count, 1 << chunk_height)
    root = build_tree(backend, chunks(tags, points, size), count, sink=sink)
    assert root == expected[-1][0]
    assert seen == {(level, i): node for level, nodes in enumerate(expected) for i, node in enumerate(nodes)}
    assert split_nodes(bytes(file)) == [node for nodes in expected for node in nodes]
    assert build_tree(backend, chunks(tags, points, size), count) == root


def test_every_leaf_climbs_to_the_root(backend: Backend) -> None:
    tags, points = sample(backend, 8)
    levels = plain_levels(backend, tags, points)
    for leaf in range(8):
        siblings = [levels[level][(leaf >> level) ^ 1] for level in range(3)]
        root = climb_path(backend, tags[leaf], points.slice(leaf, leaf + 1), leaf, siblings)
        assert root == levels[3][0]
        elsewhere = climb_path(backend, tags[leaf], points.slice(leaf, leaf + 1), leaf ^ 1, siblings)
        assert elsewhere.hash != root.hash
        assert elsewhere.sum == root.sum
    alone = climb_path(backend, tags[0], points.slice(0, 1), 0, [])
    assert alone == levels[0][0]


def test_leaves_and_nodes_are_hashed_apart(backend: Backend) -> None:
    tag, commitment = bytes(32), IDENTITY
    assert leaf_hash(tag, commitment) == hashlib.sha256(b"\x00" + tag + commitment).digest()
    left, right = SumNode(bytes(32), IDENTITY), SumNode(bytes([1]) * 32, ORDER_THREE)
    assert (
        node_hash(left, right)
        == hashlib.sha256(b"\x01" + left.hash + left.sum + right.hash + right.sum).digest()
    )
    assert node_hash(left, right) != node_hash(right, left)


@pytest.mark.parametrize("count", [-1, 0, 3, 6, (1 << 32) + 1, 1 << 33])
def test_the_number_of_leaves_is_a_power_of_two(count: int) -> None:
    with pytest.raises(ValueError, match=f"leaf count {count} is not a power of two"):
        tree_height(count)


def test_heights_and_offsets() -> None:
    assert [tree_height(1 << height) for height in (0, 1, 5, 32)] == [0, 1, 5, 32]
    assert [level_offset(8, level) // NODE_SIZE for level in range(4)] == [0, 8, 12, 14]
    assert level_offset(1, 0) == 0


def test_chunks_of_the_wrong_size_are_refused(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", 1)
    tags, points = sample(backend, 8)
    whole = list(chunks(tags, points, 2))
    with pytest.raises(ValueError, match="read 6 leaves, expected 8"):
        build_tree(backend, whole[:3], 8)
    with pytest.raises(ValueError, match="read 0 leaves, expected 8"):
        build_tree(backend, [], 8)
    with pytest.raises(ValueError, match="read 8 leaves, expected 4"):
        build_tree(backend, whole, 4)
    with pytest.raises(ValueError, match="chunk 0 holds 4 leaves, expected 2"):
        build_tree(backend, chunks(tags, points, 4), 8)
    with pytest.raises(ValueError, match="chunk 1 holds 2 leaves, expected 2"):
        build_tree(backend, [whole[0], (whole[1][0][:-1], whole[1][1])], 4)


@pytest.mark.parametrize("chunk_height", [0, 1, 2, 14])
@pytest.mark.parametrize(
    ("signs", "level", "node"),
    [
        ([1, 1, 0, 1], 0, 2),
        ([1, 1, 1, -1], 1, 1),
        ([1, -1, 1, -1], 1, 0),
        ([1, 2, -1, -2], 2, 0),
    ],
)
def test_a_sum_that_vanishes_is_named(
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    chunk_height: int,
    signs: list[int],
    level: int,
    node: int,
) -> None:
    """The leaves are these multiples of one point."""
    monkeypatch.setattr(sum_tree, "CHUNK_HEIGHT", chunk_height)
    tags, points = sample(backend, 4)
    base = points.slice(1, 2)
    bases = base.concat(base).concat(base).concat(base)
    leaves = bases.scale(backend.scalars_from_ints(signs))
    with pytest.raises(
        IdentitySumError, match=f"the sum at level {level}, node {node}, is the identity"
    ) as caught:
        build_tree(backend, chunks(tags, leaves, min(4, 1 << chunk_height)), 4)
    assert (caught.value.level, caught.value.index) == (level, node)


def test_paths_that_lead_nowhere(backend: Backend) -> None:
    tags, points = sample(backend, 4)
    levels = plain_levels(backend, tags, points)
    leaf = points.slice(2, 3)
    siblings = [levels[0][3], levels[1][0]]

    def climb(index: int, path: list[SumNode]) -> SumNode:
        return climb_path(backend, tags[2], leaf, index, path)

    assert climb(2, siblings) == levels[2][0]
    for index in (-1, 4, 1 << 40):
        with pytest.raises(ValueError, match=f"leaf index {index} does not fit a tree of 2\\^2 leaves"):
            climb(index, siblings)
    with pytest.raises(IdentitySumError, match="level 0, node 3"):
        climb(2, [replace(siblings[0], sum=IDENTITY), siblings[1]])
    with pytest.raises(IdentitySumError, match="level 1, node 0"):
        climb(2, [siblings[0], replace(siblings[1], sum=IDENTITY)])
    with pytest.raises(IdentitySumError, match="level 1, node 1"):
        climb(2, [replace(siblings[0], sum=leaf.negate().to_compressed()), siblings[1]])
    total = backend.points_from_compressed(levels[1][1].sum)
    with pytest.raises(IdentitySumError, match="level 2, node 0"):
        climb(2, [siblings[0], replace(siblings[1], sum=total.negate().to_compressed())])
    with pytest.raises(DecodingError, match=decoding_reasons.COMPRESSION_FLAG) as caught:
        climb(2, [siblings[0], replace(siblings[1], sum=bytes(48))])
    assert caught.value.index == 1


def test_records_are_whole() -> None:
    assert split_leaves(bytes(range(80))) == (bytes(range(32)), bytes(range(32, 80)))
    assert split_leaves(b"") == (b"", b"")
    assert join_records(b"aabb", 2, b"123456", 3) == b"aa123bb456"
    for split in (split_leaves, split_nodes):
        with pytest.raises(ValueError, match="not a whole number of 80-byte records"):
            split(bytes(81))
