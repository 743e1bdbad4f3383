"""Secret pseudo-random values from one fresh key (DESIGN 4.7).

    PRF(key, purpose, block) = KMAC256(key, purpose 00 || block, L = BLOCK * size, S = "sealedbook/v1/prf")

with `block` eight bytes, big-endian (NIST SP 800-185). Element i of a purpose is element ``i mod BLOCK`` of
block ``i div BLOCK``: any range can be derived again without the rest. Scalars take 64 bytes each and are
reduced modulo r, so their bias is below 2^-250.

A key serves one sealing only: of a whole book, or of the leaves that one update changes
(`prover.leaf_secrets`). The same blinding on two different position vectors reveals their difference.
"""

from __future__ import annotations

import secrets
from typing import Final

import numpy as np
from Crypto.Hash import KMAC256
from numpy.typing import NDArray

from primitives.backend import Backend, ScalarVector
from primitives.parameters import SALT_BYTES

KEY_BYTES: Final = 32
BLOCK: Final = 1024
_CUSTOMISATION: Final = b"sealedbook/v1/prf"
_WIDE_BYTES: Final = 64


class SecretStream:
    """All secret values that one epoch key stands for. The key is kept out of the repr."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"key has {len(key)} bytes, expected {KEY_BYTES}")
        self._key = key

    def __repr__(self) -> str:
        return "SecretStream(...)"

    @staticmethod
    def fresh_key() -> bytes:
        """32 bytes from the operating system."""
        return secrets.token_bytes(KEY_BYTES)

    def expand(self, purpose: bytes, start: int, stop: int, size: int) -> bytes:
        """Elements ``start <= i < stop`` of `size` bytes each."""
        if not 0 <= start <= stop:
            raise ValueError("range is not 0 <= start <= stop")
        if start == stop:
            return b""
        first, last = start // BLOCK, (stop - 1) // BLOCK
        data = b"".join(self._block(purpose, block, size) for block in range(first, last + 1))
        return data[(start - first * BLOCK) * size : (stop - first * BLOCK) * size]

    def expand_elements(
        self,
        purpose: bytes,
        elements: NDArray[np.int64],
        size: int,
        *,
        out: NDArray[np.uint8],
        places: NDArray[np.int64],
    ) -> None:
        """Write element ``elements[i]``, `size` bytes, to row ``places[i]`` of `out`. A block is derived once."""
        order = np.argsort(elements, kind="stable")
        blocks = elements[order] // BLOCK
        starts = np.flatnonzero(np.diff(blocks, prepend=-1))
        for first, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
            block = int(blocks[first])
            values = np.frombuffer(self._block(purpose, block, size), dtype=np.uint8).reshape(BLOCK, size)
            chosen = order[first:stop]
            out[places[chosen]] = values[elements[chosen] - block * BLOCK]

    def scalars(self, backend: Backend, purpose: bytes, start: int, stop: int) -> ScalarVector:
        """Elements ``start <= i < stop``, uniform in F."""
        return backend.scalars_from_wide_bytes(self.expand(purpose, start, stop, _WIDE_BYTES))

    def leaf_blindings(self, backend: Backend, start: int, stop: int) -> ScalarVector:
        """rho_u for the leaves ``start <= u < stop``."""
        return self.scalars(backend, b"leaf-blinding", start, stop)

    def leaf_salts(self, start: int, stop: int) -> bytes:
        """salt_u for the leaves ``start <= u < stop``, 32 bytes each."""
        return self.expand(b"leaf-salt", start, stop, SALT_BYTES)

    def leaf_order(self, leaf_count: int) -> NDArray[np.int64]:
        """A secret permutation of ``0 .. leaf_count - 1``: where the i-th account goes.

        The ranks of `leaf_count` keyed 64-bit values. Equal values (expected leaf_count^2 / 2^65 pairs) keep
        their order, which tells nothing about an account.
        """
        keys = np.frombuffer(self.expand(b"leaf-order", 0, leaf_count, 8), dtype=">u8")
        return np.argsort(keys, kind="stable").astype(np.int64)

    def _block(self, purpose: bytes, block: int, size: int) -> bytes:
        mac = KMAC256.new(
            key=self._key,
            data=purpose + b"\x00" + block.to_bytes(8, "big"),
            mac_len=BLOCK * size,
            custom=_CUSTOMISATION,
        )
        result: bytes = mac.digest()
        return result
