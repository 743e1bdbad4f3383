"""The randomness of one proof (DESIGN 4.7): every blinding and mask from one fresh seed.

    key       = KMAC256(seed, field lengths and fields of the instance || SHA-256(packed bits),
                        L = 32 bytes, S = "sealedbook/v1/range-argument-randomness")
    PRF(i)    = element i of the stream (key, purpose || 00 || batch index), 64 bytes, reduced modulo r

with the streams of `prover.randomness.SecretStream`. The seed is fresh for every proof. The instance and the
bits take part so that a seed used twice by mistake still gives unrelated masks to different transcripts: one
seed, one instance and one table of bits make one proof, the same to the byte, and nothing is revealed.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from Crypto.Hash import KMAC256

from primitives.argument_instance import ArgumentInstance
from primitives.backend import Backend, ScalarVector
from primitives.kernels import PackedBits
from prover.randomness import SecretStream

SEED_BYTES: Final = 32
_CUSTOMISATION: Final = b"sealedbook/v1/range-argument-randomness"


@dataclass(frozen=True, slots=True)
class ProofRandomness:
    """The seed of one proof. Give it explicitly for test vectors only; `fresh` is for everything else."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(self.seed)}")

    @classmethod
    def fresh(cls) -> ProofRandomness:
        """32 bytes from the operating system."""
        return cls(secrets.token_bytes(SEED_BYTES))

    def for_proof(self, backend: Backend, instance: ArgumentInstance, bits: PackedBits) -> ProofScalars:
        """The random scalars of the proof of this instance with these bits."""
        framed = b"".join(
            len(part).to_bytes(8, "big") + part for part in (instance.session, *instance.fields())
        )
        key = KMAC256.new(
            key=self.seed,
            data=framed + hashlib.sha256(bits.tobytes()).digest(),
            mac_len=SEED_BYTES,
            custom=_CUSTOMISATION,
        )
        return ProofScalars(backend, SecretStream(key.digest()), instance.batch_index)


class ProofScalars:
    """Uniform scalars by purpose. Each purpose is drawn once, from index 0."""

    __slots__ = ("_backend", "_batch", "_stream")

    def __init__(self, backend: Backend, stream: SecretStream, batch_index: int) -> None:
        self._backend = backend
        self._stream = stream
        self._batch = batch_index.to_bytes(8, "big")

    def __repr__(self) -> str:
        return "ProofScalars(...)"

    def row_blindings(self, count: int) -> ScalarVector:
        """delta_i."""
        return self._draw(b"row-blinding", count)

    def masks(self, count: int) -> ScalarVector:
        """mu_j, s last."""
        return self._draw(b"mask", count)

    def mask_blinding(self) -> ScalarVector:
        """delta_M."""
        return self._draw(b"mask-blinding", 1)

    def opening_nonces(self, count: int) -> ScalarVector:
        """k."""
        return self._draw(b"opening-nonce", count)

    def opening_nonce_blinding(self) -> ScalarVector:
        """k_H."""
        return self._draw(b"opening-nonce-blinding", 1)

    def _draw(self, purpose: bytes, count: int) -> ScalarVector:
        return self._stream.scalars(self._backend, purpose + b"\x00" + self._batch, 0, count)
