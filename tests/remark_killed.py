"""Run by `test_remark` in a process of its own: mark a bundle to a new market, dying after the first few proofs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from primitives import claims
from primitives.backends import get_backend
from prover import prove_book as module
from prover.remark import remark_claims
from prover.vault import Vault


def main() -> None:
    bundle, vault_folder, backend_name, market, survive = sys.argv[1:]
    claims.MAX_BATCH_ACCOUNTS = 1  # type: ignore[misc]
    store, stored = module._store_proof, 0

    def store_and_die(path: Path, proof: bytes) -> None:
        nonlocal stored
        if stored == int(survive):
            path.with_suffix(".partial").write_bytes(proof[: len(proof) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        store(path, proof)
        stored += 1

    module._store_proof = store_and_die
    vault = Vault.open(Path(vault_folder))
    (digest,) = (bytes.fromhex(folder.name) for folder in vault.books_folder.iterdir())
    remark_claims(
        Path(bundle), vault.open_book(digest, None), vault.issuer(None), get_backend(backend_name),
        market=Path(market).read_bytes(), workers=1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
