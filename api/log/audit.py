"""Computing the whole log again from its entries."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.database.log_tables import LogNode, LogRecord
from api.log.errors import LogDivergedError
from api.log.tree import node_number
from primitives.log_tree import leaf_hash, node_hash

_CHUNK: Final = 1000


def audit_rows(session: Session, size: int) -> None:
    """`LogDivergedError` unless every entry below `size` is there, and every node of the tree is the one above them."""
    subtrees: list[bytes] = []
    for start in range(0, size, _CHUNK):
        end = min(start + _CHUNK, size)
        rows = session.execute(
            select(LogRecord.entry_index, LogRecord.leaf_hash, LogRecord.entry)
            .where(LogRecord.entry_index >= start, LogRecord.entry_index < end)
            .order_by(LogRecord.entry_index)
        ).all()
        if [row.entry_index for row in rows] != list(range(start, end)):
            raise LogDivergedError(f"of the entries {start} to {end - 1}, some are missing")
        expected: dict[int, bytes] = {}
        for row in rows:
            leaf = leaf_hash(bytes(row.entry))
            if leaf != bytes(row.leaf_hash):
                raise LogDivergedError(f"entry {row.entry_index} was changed")
            _add_leaf(subtrees, row.entry_index, leaf, expected)
        stored = session.execute(select(LogNode.number, LogNode.hash).where(LogNode.number.in_(expected)))
        if {number: bytes(value) for number, value in stored} != expected:
            raise LogDivergedError(
                f"the nodes above the entries {start} to {end - 1} are not those of the entries"
            )


def _add_leaf(subtrees: list[bytes], index: int, leaf: bytes, nodes: dict[int, bytes]) -> None:
    """Put the leaf, and the nodes above the subtrees that it completes, into `nodes`; `subtrees` is the frontier."""
    node, level = leaf, 0
    nodes[node_number(0, index)] = node
    while index >> level & 1:
        node, level = node_hash(subtrees.pop(), node), level + 1
        nodes[node_number(level, index >> level)] = node
    subtrees.append(node)
