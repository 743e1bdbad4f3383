"""A verifier written from docs/protocol-proofs.md alone, over hashlib and py_ecc: it agrees on all vectors.

Nothing of the product is used but the statement's linear weights, which docs/statements.md defines. Slow,
and blunt on purpose: sums over the hypercube, one multiplication after the other.
"""

from __future__ import annotations

import hashlib
import json
from math import ceil, prod
from pathlib import Path
from typing import Any

import pytest
from argument_support import thin
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import decompress_G1
from py_ecc.optimized_bls12_381.optimized_curve import Z1, add, curve_order, is_inf, multiply

from circuits.rows import Scope
from circuits.statement import Statement, parse_canonical

DIRECTORY = Path(__file__).parent / "vectors" / "argument"
VALID = json.loads((DIRECTORY / "valid.json").read_text("ascii"))
INVALID = json.loads((DIRECTORY / "invalid.json").read_text("ascii"))
DST = b"SEALEDBOOK-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
R = curve_order
H_EFF = 0xD201000000010001


class RefusedError(Exception):
    pass


class Transcript:
    def __init__(self, session: bytes) -> None:
        tag = b"sealedbook/v1/range-argument/BLS12381G1/SHAKE128" + b"\x00" + session
        start = b"irtf-cfrg-fiat-shamir/session-id" + bytes(136) + tag
        self.text = hashlib.shake_128(start).digest(32) + bytes(136)
        self.read = 0

    def absorb(self, data: bytes) -> None:
        self.text += data
        self.read = 0

    def field(self, data: bytes) -> None:
        self.absorb(len(data).to_bytes(4, "little") + data)

    def challenge(self, length: int = 48) -> int:
        stream = hashlib.shake_128(self.text).digest(self.read + length)[self.read :]
        self.read += length
        return int.from_bytes(stream, "little") % R


class Proof:
    def __init__(self, data: bytes, transcript: Transcript) -> None:
        self.data, self.transcript = data, transcript

    def take(self, length: int) -> bytes:
        taken, self.data = self.data[:length], self.data[length:]
        self.transcript.absorb(taken)
        return taken

    def scalar(self) -> int:
        value = int.from_bytes(self.take(32), "big")
        if value >= R:
            raise RefusedError
        return value

    def point(self) -> Any:
        return point(self.take(48))


def point(data: bytes) -> Any:
    """A point of the curve that is not the identity."""
    try:
        decoded = decompress_G1(int.from_bytes(data, "big"))  # type: ignore[arg-type]
    except ValueError as error:
        raise RefusedError from error
    if is_inf(decoded):
        raise RefusedError
    return decoded


def generator(label: bytes) -> Any:
    return hash_to_G1(label, DST, hashlib.sha256)  # type: ignore[arg-type]


def eq(x: list[int], i: int) -> int:
    d = len(x)
    return prod(x[j] if i >> (d - 1 - j) & 1 else 1 - x[j] for j in range(d)) % R


def bases_of(statement: Statement, columns: int, n: int) -> list[Any]:
    labels = [b"bit-column\x00" + v.to_bytes(4, "big") for v in range(columns)]
    labels += [b"asset\x00" + bytes([a.decimals]) + a.id.encode() for a in statement.assets]
    labels += [b"mask\x00" + j.to_bytes(4, "big") for j in range(2 * n + 3)]
    return [generator(label) for label in labels]


def verify(vector: dict[str, Any]) -> dict[str, Any]:
    """The challenges, if the proof is accepted; else `RefusedError`."""
    raw = bytes.fromhex(vector["statement"])
    statement = parse_canonical(raw, scope=Scope.ACCOUNT)
    accounts, rho, f = vector["accounts"], vector["row_variables"], vector["folding_rounds"]
    width, assets = sum(statement.widths), len(statement.assets)

    # 1. Sizes
    l = next(l for l in range(40) if 2**l >= accounts)  # noqa: E741
    p = next(p for p in range(1, 40) if 2**p >= width)
    n, columns, padded = l + p, 2**rho, 2**p
    if columns >= padded:
        rows = list(range(ceil(accounts * padded / columns))) if width else []
    else:
        v_count = ceil(width / columns)
        rows = [u * (padded // columns) + v for u in range(accounts) for v in range(v_count)]
    length = columns + assets + 2 * n + 3
    folded = ceil(length / 2**f)
    data = bytes.fromhex(vector["proof"])
    if len(data) != 48 * (len(rows) + 2 + 2 * f) + 32 * (2 * n + 2 + 2 + folded):
        raise RefusedError

    # 2. Instance
    transcript = Transcript(bytes.fromhex(vector["session"]))
    leaves = bytes.fromhex(vector["leaf_commitments"])
    transcript.field(bytes.fromhex(vector["context_digest"]))
    transcript.field(b"".join(size.to_bytes(8, "big") for size in (vector["batch_index"], accounts, rho, f)))
    transcript.field(raw)
    transcript.field(leaves)
    leaf_points = [point(leaves[48 * u : 48 * u + 48]) for u in range(accounts)]

    # 3. Messages and challenges
    proof, challenge = Proof(data, transcript), transcript.challenge
    d_points = [proof.point() for _ in rows]
    mask_point = proof.point()
    tau, alpha = [challenge() for _ in range(n)], challenge()
    sent, r = [], []
    for j in range(1, n + 1):
        sent.append([proof.scalar() for _ in range(4 if j == n else 2)])
        r.append(challenge())
    y = proof.scalar()
    omega, e1, c = challenge(), challenge(), challenge()
    nonce_point = proof.point()
    e = challenge()
    z_h = proof.scalar()
    cross, x = [], []
    for _ in range(f):
        cross.append((proof.point(), proof.point()))
        x.append(challenge(16))
    z = [proof.scalar() for _ in range(folded)]
    if {0, 1} & {*tau, r[-1]} or omega == 0:
        raise RefusedError

    # 4. The linear form
    weights = statement.linear_weights(alpha)
    s_u = sum(eq(tau[:l], u) for u in range(accounts))
    ratio = sum(weights.bits[k] * eq(r[l:], k) * pow(eq(tau[l:], k), -1, R) for k in range(width))
    factors = [[pow(r[j], i, R) - tau[j] for i in range(1, len(line) + 1)] for j, line in enumerate(sent)]
    e3 = sum(a * b for line, row in zip(factors, sent, strict=True) for a, b in zip(line, row, strict=True))
    val = y + e1 * (e3 + weights.constant * s_u - y * (1 - y) - ratio * y)
    inverse = pow(omega, -1, R)
    form = [eq(r[n - rho :], v) for v in range(columns)]
    form += [-e1 * c_a * inverse for c_a in weights.positions]
    form += [e1 * factor * inverse**2 for line in factors for factor in line]
    form += [r[-1] * (1 - r[-1]) * inverse**2]

    # 5. The equation
    s = [prod(x[t] for t in range(f) if not h >> (f - 1 - t) & 1) for h in range(2**f)]
    v = [s_h * z_j % R for s_h in s for z_j in z][:length]
    whole = prod(x)
    terms = [(whole * e * eq(r[: n - rho], i), d) for i, d in zip(rows, d_points, strict=True)]
    terms += [(whole * e * omega * eq(tau[:l], u), leaf) for u, leaf in enumerate(leaf_points)]
    terms += [(whole * e * omega**2, mask_point), (whole, nonce_point)]
    terms += [(-whole * z_h, generator(b"blinding"))]
    for t in range(f):
        after = prod(x[t + 1 :])
        terms += [(after, cross[t][0]), (after * x[t] ** 2, cross[t][1])]
    terms += [(-scalar, base) for scalar, base in zip(v, bases_of(statement, columns, n), strict=True)]
    on_e = whole * e * c * val - c * sum(a * b for a, b in zip(v, form, strict=True))
    terms += [(on_e, generator(b"linear-form"))]
    total = Z1
    for scalar, base in terms:
        total = add(total, multiply(base, scalar % R))
    if not is_inf(multiply(total, H_EFF)):
        raise RefusedError
    return {"tau": tau, "alpha": alpha, "r": r, "omega": omega, "e1": e1, "c": c, "e": e, "x": x}


@pytest.mark.parametrize("vector", VALID, ids=lambda vector: vector["name"])
def test_valid(vector: dict[str, Any]) -> None:
    challenges = verify(vector)
    for name, value in vector["challenges"].items():
        digits = 32 if name == "x" else 64
        values = challenges[name]
        expected = [f"{v:0{digits}x}" for v in values] if isinstance(values, list) else f"{values:064x}"
        assert value == expected, name


@pytest.mark.parametrize("vector", thin(INVALID, 8), ids=lambda vector: vector["name"])
def test_invalid(vector: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        verify(vector)
