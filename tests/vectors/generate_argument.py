"""Writes the test vectors of the range argument: ``python tests/vectors/generate_argument.py``.

Everything is derived from fixed seeds, so that the files are the same to the byte whoever writes them
(tests/test_argument_vectors.py checks it). Their form is described in docs/protocol-proofs.md.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "argument"
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from argument_adversary import TableKernels, TableRun, adding, adversary  # noqa: E402
from argument_support import (  # noqa: E402
    Case,
    case,
    certificate_statement,
    fast_backend,
    generators_of,
    mixed_statement,
    prover_of,
    range_statement,
    whole_table,
)

from circuits.positions import PositionBatch  # noqa: E402
from circuits.statement import Statement  # noqa: E402
from primitives.argument_instance import PROTOCOL_ID, ArgumentInstance  # noqa: E402
from primitives.backend import Backend  # noqa: E402
from primitives.parameters import FIELD_CHARACTERISTIC, GROUP_ORDER  # noqa: E402
from primitives.transcript import VerifierTranscript  # noqa: E402
from prover.argument import ProofRandomness  # noqa: E402
from verifier.argument import ArgumentCheck  # noqa: E402
from verifier.argument.messages import read_opening, read_sumcheck  # noqa: E402

SEED: Final = ProofRandomness(bytes(range(0x40, 0x60)))
ORDER_THREE: Final = b"\x80" + bytes(47)
IDENTITY: Final = b"\xc0" + bytes(47)
OFF_CURVE: Final = b"\x80" + bytes(46) + b"\x01"

Vector = dict[str, Any]


def cases(backend: Backend) -> dict[str, Case]:
    """Honest cases by name."""
    threshold = PositionBatch.from_mappings([{0: 9}])
    return {
        "certificate": case(backend, certificate_statement(5), 1, 1, 0, batch=threshold),
        "two accounts, one row each": case(backend, range_statement(2, 4), 2, 3, 2),
        "three accounts, two rows each": case(backend, range_statement(2, 4), 3, 2, 1),
        "three accounts in one row": case(backend, range_statement(1, 3), 3, 4, 3, padding=1),
        "rows of padding left out": case(backend, mixed_statement(2), 2, 3, 2),
    }


def valid(backend: Backend) -> list[Vector]:
    """Proofs that are accepted, with the witness, the seed and every challenge."""
    vectors = []
    for name, made in cases(backend).items():
        proof = prover_of(backend).prove(made.instance, made.witness, SEED)
        vectors.append(_describe(backend, name, made.instance, proof) | _secrets(made))
    made = cases(backend)["two accounts, one row each"]
    torsion = backend.points_from_compressed(ORDER_THREE)
    names = {0: "D_0", 2: "M", 3: "K", 4: "A_1", 7: "B_2"}
    for target, label in names.items():
        proof = adversary(backend, adding(target, torsion)).prove(made.instance, made.witness, SEED)
        name = f"point of order 3 added to {label}"
        vectors.append(_describe(backend, name, made.instance, proof))
    return vectors


def invalid(backend: Backend) -> list[Vector]:
    """Mutations of one accepted proof, and proofs of false claims, with the check that refuses each."""
    base = "two accounts, one row each"
    made = cases(backend)[base]
    proof = prover_of(backend).prove(made.instance, made.witness, SEED)
    entries = [
        *_malformed(proof),
        *[(name, instance, proof, ArgumentCheck.EQUATION) for name, instance in _others(made)],
        *[(name, instance, proof, ArgumentCheck.INSTANCE) for name, instance in _bad_leaves(made)],
        *_false(backend, made),
    ]
    return [
        {"base": base, "check": check.value, **_public(name, instance or made.instance, data)}
        for name, instance, data, check in entries
    ]


Entry = tuple[str, ArgumentInstance | None, bytes, ArgumentCheck]


def _malformed(proof: bytes) -> list[Entry]:
    """D_0, D_1, M | 8 + 2 + 2 ... scalars | y | K | z_H | A_1, B_1, A_2, B_2 | z: see docs/protocol-proofs.md."""
    scalar = 3 * 48
    value = int.from_bytes(proof[scalar : scalar + 32], "big")
    characteristic = (FIELD_CHARACTERISTIC | 0x80 << 376).to_bytes(48, "big")
    length, encoding, equation = ArgumentCheck.LENGTH, ArgumentCheck.ENCODING, ArgumentCheck.EQUATION
    return [
        ("empty", None, b"", length),
        ("one byte short", None, proof[:-1], length),
        ("one byte more", None, proof + b"\x00", length),
        ("one scalar more", None, proof + bytes(32), length),
        ("scalar plus r", None, _put(proof, scalar, (value + GROUP_ORDER).to_bytes(32, "big")), encoding),
        ("scalar r", None, _put(proof, scalar, GROUP_ORDER.to_bytes(32, "big")), encoding),
        ("scalar plus 1", None, _put(proof, scalar, (value + 1).to_bytes(32, "big")), equation),
        ("last scalar zero", None, proof[:-32] + bytes(32), equation),
        ("row commitment off the curve", None, _put(proof, 0, OFF_CURVE), encoding),
        ("x equal to p", None, _put(proof, 0, characteristic), encoding),
        ("compression flag clear", None, _put(proof, 0, bytes([proof[0] & 0x7F])), encoding),
        ("identity with stray bits", None, _put(proof, 0, IDENTITY[:-1] + b"\x01"), encoding),
        ("identity for D_0", None, _put(proof, 0, IDENTITY), ArgumentCheck.IDENTITY),
        ("identity for M", None, _put(proof, 96, IDENTITY), ArgumentCheck.IDENTITY),
        ("D_0 negated", None, _put(proof, 0, bytes([proof[0] ^ 0x20])), equation),
        ("D_0 and D_1 swapped", None, proof[48:96] + proof[:48] + proof[96:], equation),
    ]


def _put(proof: bytes, offset: int, data: bytes) -> bytes:
    return proof[:offset] + data + proof[offset + len(data) :]


def _others(made: Case) -> list[tuple[str, ArgumentInstance]]:
    """Other instances of the same sizes."""
    instance, statement = made.instance, made.instance.statement
    assert isinstance(statement, Statement)
    first, second = statement.rows
    constant = (dataclasses.replace(first, constant=1), second)
    leaves = instance.leaf_commitments
    return [
        ("other constant", dataclasses.replace(instance, statement=Statement(statement.assets, constant))),
        (
            "other order of assets",
            dataclasses.replace(instance, statement=Statement(statement.assets[::-1], statement.rows)),
        ),
        ("other context digest", dataclasses.replace(instance, context_digest=bytes(32))),
        ("other batch index", dataclasses.replace(instance, batch_index=instance.batch_index + 1)),
        ("other session", dataclasses.replace(instance, session=b"test2")),
        ("leaves swapped", dataclasses.replace(instance, leaf_commitments=leaves[48:] + leaves[:48])),
    ]


def _bad_leaves(made: Case) -> list[tuple[str, ArgumentInstance]]:
    leaves = made.instance.leaf_commitments
    return [
        ("identity leaf", dataclasses.replace(made.instance, leaf_commitments=leaves[:48] + IDENTITY)),
        ("leaf off the curve", dataclasses.replace(made.instance, leaf_commitments=OFF_CURVE + leaves[48:])),
    ]


def _false(backend: Backend, made: Case) -> list[Entry]:
    """What provers that cheat would send."""
    bits = made.witness.bits.copy()
    bits[0, 0] ^= 1
    wrong_bit = dataclasses.replace(made.witness, bits=bits)
    table = whole_table(made)
    table[0:2] = [(table[0] + 2 * table[1]) % GROUP_ORDER, 0] if table[1] else [table[0] - 2, 1]
    foreign = generators_of(backend).linear_form()
    equation = ArgumentCheck.EQUATION
    return [
        ("wrong bit", None, prover_of(backend).prove(made.instance, wrong_bit, SEED), equation),
        (
            "digits that are not bits",
            None,
            adversary(backend, TableRun, TableKernels(backend, table)).prove(
                made.instance, made.witness, SEED
            ),
            equation,
        ),
        (
            "component on E in D_0",
            None,
            adversary(backend, adding(0, foreign)).prove(made.instance, made.witness, SEED),
            equation,
        ),
    ]


def _public(name: str, instance: ArgumentInstance, proof: bytes) -> Vector:
    shape = instance.shape
    return {
        "name": name,
        "session": instance.session.hex(),
        "context_digest": instance.context_digest.hex(),
        "batch_index": instance.batch_index,
        "accounts": shape.accounts,
        "row_variables": shape.row_variables,
        "folding_rounds": shape.folding_rounds,
        "statement": instance.statement.canonical_bytes().hex(),
        "leaf_commitments": instance.leaf_commitments.hex(),
        "proof": proof.hex(),
    }


def _describe(backend: Backend, name: str, instance: ArgumentInstance, proof: bytes) -> Vector:
    transcript = VerifierTranscript(backend, PROTOCOL_ID, instance.session, narg=proof)
    transcript.absorb_public(*instance.fields())
    sumcheck = read_sumcheck(transcript, instance.shape)
    opening = read_opening(transcript, instance.shape)
    challenges = {
        "tau": [_hex(value) for value in sumcheck.challenges.tau],
        "alpha": _hex(sumcheck.alpha),
        "r": [_hex(value) for value in sumcheck.challenges.rounds],
        "omega": _hex(sumcheck.form_challenges.omega),
        "e1": _hex(sumcheck.form_challenges.separation),
        "c": _hex(sumcheck.form_challenges.form),
        "e": _hex(opening.challenge),
        "x": [f"{value:032x}" for value in opening.folding_challenges],
    }
    return {**_public(name, instance, proof), "challenges": challenges}


def _secrets(made: Case) -> Vector:
    positions = made.witness.positions
    accounts = [
        {str(positions.columns[k]): int(positions.amounts[k]) for k in range(start, stop)}
        for start, stop in zip(
            positions.row_offsets[:-1].tolist(), positions.row_offsets[1:].tolist(), strict=True
        )
    ]
    return {
        "witness": {
            "positions": accounts,
            "leaf_blindings": [_hex(value) for value in made.witness.leaf_blindings.to_ints()],
            "bits": [line.tobytes().hex() for line in made.witness.bits],
            "seed": SEED.seed.hex(),
        }
    }


def _hex(value: int) -> str:
    return f"{value:064x}"


def files(backend: Backend) -> dict[str, str]:
    """Contents of the vector files by name."""
    contents = {"valid.json": valid(backend), "invalid.json": invalid(backend)}
    return {name: json.dumps(vectors, indent=1) + "\n" for name, vectors in contents.items()}


def main() -> None:
    """Write the files."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in files(fast_backend()).items():
        (DIRECTORY / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
