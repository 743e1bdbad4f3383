"""Bundles of books that no honest issuer could make: leaves that hold any scalars, with proofs by a forger.

The forger follows the protocol with whatever witness it has: row values are cut to their widths, and everything
else is done right. Only for tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from argument_support import fast_backend, generators_of
from Crypto.PublicKey import ECC

from circuits.claim_statement import claim_documents, compile_claim
from circuits.positions import PositionBatch
from circuits.statement import Statement
from primitives.account_tag import account_tag
from primitives.argument_instance import ArgumentInstance
from primitives.argument_parameters import ArgumentShape
from primitives.assets import Asset
from primitives.attestation import LEAVES_NAME, SealedBook
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.claims import (
    ACCOUNTS_KIND,
    ACCOUNTS_SESSION,
    PROOF_FOLDER,
    AccountsClaim,
    BatchPlan,
    context_digest,
)
from primitives.kernels import SparsePositions
from primitives.opening import Opening, Position
from primitives.parameters import AMOUNT_LIMIT, GROUP_ORDER
from primitives.reference_kernels import ReferenceKernels
from primitives.signing import public_key_bytes
from primitives.sum_tree import SumNode, build_tree, leaf_hash, node_hash
from prover.argument import ArgumentProver, ArgumentWitness
from prover.bundle import describe_file, write_attestation
from prover.issuer import Issuer

ASSETS: Final = (Asset("BTC", 8), Asset("USD", 2))
BACKEND: Final = fast_backend()
Amounts = Mapping[str, int]
"""Asset id to any integer; it counts modulo the group order."""
StatementChange = Callable[[Statement], Statement]


@dataclass(frozen=True)
class Account:
    """A leaf: whose tag it has, and what it holds."""

    name: str
    amounts: Amounts


class FieldPositionKernels(ReferenceKernels):
    """Kernels that take the accounts' positions to be these scalars, whatever the witness lists."""

    def __init__(self, backend: Backend, rows: Sequence[Sequence[int]]) -> None:
        super().__init__(backend)
        self._rows = [[amount % GROUP_ORDER for amount in row] for row in rows]

    def sum_positions(self, positions: SparsePositions, weights: ScalarVector, assets: int) -> ScalarVector:
        factors = weights.to_ints()
        return self._backend.scalars_from_ints(
            [sum(w * row[a] for w, row in zip(factors, self._rows, strict=True)) for a in range(assets)]
        )

    def evaluate_positions(
        self, positions: SparsePositions, coefficients: ScalarVector, constant: int
    ) -> ScalarVector:
        factors = coefficients.to_ints()
        return self._backend.scalars_from_ints(
            [constant + sum(c * q for c, q in zip(factors, row, strict=True)) for row in self._rows]
        )


class ForgedBook:
    """Leaves in the order given (a power of two of them), and an issuer of the forger's own."""

    def __init__(self, accounts: Sequence[Account], assets: tuple[Asset, ...] = ASSETS) -> None:
        self.accounts = tuple(accounts)
        self.assets = assets
        self.rows = [[account.amounts.get(asset.id, 0) for asset in assets] for account in accounts]
        self.salts = [_secret("salt", leaf)[:32] for leaf in range(len(accounts))]
        self.blindings = [
            int.from_bytes(_secret("blinding", leaf), "big") % GROUP_ORDER for leaf in range(len(accounts))
        ]
        self.tags = [
            account_tag(salt, account.name) for salt, account in zip(self.salts, accounts, strict=True)
        ]
        self.commitments = [
            self._commit(row, rho) for row, rho in zip(self.rows, self.blindings, strict=True)
        ]
        key = ECC.generate(curve="Ed25519")
        self.issuer = Issuer("Forger", public_key_bytes(key), key)

    def _commit(self, row: Sequence[int], blinding: int) -> bytes:
        generators = generators_of(BACKEND)
        bases = generators.assets(self.assets).concat(generators.blinding())
        return BACKEND.multi_scalar_multiply(
            bases, BACKEND.scalars_from_ints([*row, blinding])
        ).to_compressed()

    @property
    def leaves(self) -> bytes:
        """What ``leaves.bin`` holds."""
        return b"".join(map(bytes.__add__, self.tags, self.commitments))

    @property
    def sealed(self) -> SealedBook:
        """The book as it would be attested."""
        points: PointVector = BACKEND.points_from_compressed(b"".join(self.commitments))
        root = build_tree(BACKEND, [(b"".join(self.tags), points)], len(self.accounts))
        return SealedBook(
            issuer=self.issuer.name,
            public_key=self.issuer.public_key,
            as_of=datetime(2026, 1, 31, tzinfo=UTC),
            assets=self.assets,
            leaf_count=len(self.accounts),
            leaves_sha256=hashlib.sha256(self.leaves).digest(),
            root=root,
        )

    def opening(self, leaf: int, account: str | None = None) -> Opening:
        """The opening of a leaf, in the name of its account or of another."""
        levels = [[SumNode(leaf_hash(t, c), c) for t, c in zip(self.tags, self.commitments, strict=True)]]
        while len(levels[-1]) > 1:
            pairs = zip(levels[-1][::2], levels[-1][1::2], strict=True)
            levels.append([_parent(left, right) for left, right in pairs])
        held = zip(self.assets, self.rows[leaf], strict=True)
        return Opening(
            book=self.sealed,
            account=account or self.accounts[leaf].name,
            positions=tuple(Position(asset, q) for asset, q in held if q and abs(q) < AMOUNT_LIMIT),
            blinding=self.blindings[leaf],
            salt=self.salts[leaf],
            leaf_index=leaf,
            tag=self.tags[leaf],
            commitment=self.commitments[leaf],
            path=tuple(nodes[(leaf >> level) ^ 1] for level, nodes in enumerate(levels[:-1])),
        )

    def publish(
        self,
        folder: Path,
        model: bytes,
        market: bytes | None = None,
        *,
        change: StatementChange = lambda statement: statement,
        claimed: Callable[[AccountsClaim], AccountsClaim] = lambda claim: claim,
    ) -> Path:
        """A bundle with one claim about every account.

        `change` gives the statement that the forger proves instead of the one that `model` and `market` make;
        `claimed` alters the claim in the attestation, which lists the proofs that it names.
        """
        folder.mkdir()
        (folder / PROOF_FOLDER).mkdir()
        (folder / LEAVES_NAME).write_bytes(self.leaves)
        documents = {"model.json": model} | ({"market.json": market} if market is not None else {})
        for name, data in documents.items():
            (folder / name).write_bytes(data)
        statement = compile_claim(model, market, self.assets)
        proofs = self.prove(statement, change(statement), model, market)
        claim = claimed(
            AccountsClaim(
                "accounts", "model.json", "market.json" if market else None, statement.digest(), len(proofs)
            )
        )
        names = [claim.proof_name(batch) for batch in range(claim.batches)]
        for name, proof in zip(names, proofs, strict=False):
            (folder / name).write_bytes(proof)
        files = [describe_file(folder, name) for name in (LEAVES_NAME, *documents, *names)]
        write_attestation(folder, self.sealed, files, [claim], self.issuer)
        return folder

    def prove(self, claimed: Statement, proved: Statement, model: bytes, market: bytes | None) -> list[bytes]:
        """One proof for each batch: `proved` in the context of `claimed`."""
        plan = BatchPlan.for_statement(proved, len(self.accounts))
        shape, context = plan.shape(proved), self.context(claimed, model, market)
        starts = range(0, len(self.accounts), plan.size)
        return [self.prove_leaves(batch, start, shape, proved, context) for batch, start in enumerate(starts)]

    def context(self, statement: Statement, model: bytes, market: bytes | None) -> bytes:
        """The context digest of the claim."""
        documents = claim_documents(model, market)
        return context_digest(ACCOUNTS_KIND, "accounts", self.sealed.digest(), documents, statement.digest())

    def prove_leaves(
        self, batch: int, start: int, shape: ArgumentShape, statement: Statement, context: bytes
    ) -> bytes:
        """The proof of the leaves from `start` on, as many as the shape has."""
        part = slice(start, start + shape.accounts)
        rows = self.rows[part]
        instance = ArgumentInstance(
            statement=statement,
            shape=shape,
            session=ACCOUNTS_SESSION,
            context_digest=context,
            batch_index=batch,
            leaf_commitments=b"".join(self.commitments[part]),
        )
        blindings = BACKEND.scalars_from_ints(self.blindings[part])
        witness = ArgumentWitness(PositionBatch.zeros(len(rows)), packed(statement, rows), blindings)
        kernels = FieldPositionKernels(BACKEND, rows)
        return ArgumentProver(BACKEND, kernels, generators_of(BACKEND)).prove(instance, witness)


def packed(
    statement: Statement, rows: Sequence[Sequence[int]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The bits of every account's row values, modulo the group order and cut to their widths."""
    table = [
        [
            value % GROUP_ORDER >> bit & 1
            for row in statement.rows
            for value in [sum(c * amounts[a] for a, c in row.positions) + row.constant]
            for bit in range(row.width)
        ]
        for amounts in rows
    ]
    return np.packbits(np.array(table, np.uint8), axis=1, bitorder="little")


def widened(statement: Statement, width: int) -> Statement:
    """The statement with every row `width` bits wide."""
    return replace(statement, rows=tuple(replace(row, width=width) for row in statement.rows))


def _parent(left: SumNode, right: SumNode) -> SumNode:
    points = BACKEND.points_from_compressed(left.sum + right.sum)
    return SumNode(node_hash(left, right), points.sum().to_compressed())


def _secret(purpose: str, leaf: int) -> bytes:
    return hashlib.sha512(f"forged/{purpose}/{leaf}".encode()).digest()
