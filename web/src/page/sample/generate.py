"""Make `sample.json`, the sample of the check page, from a seed: the same bytes on every run.

    python web/src/page/sample/generate.py [--check]

A made-up exchange with made-up accounts is sealed and proven by the product itself. Only the randomness is not
random: it is SHAKE256 of a seed that stands below, so nothing here is a secret, and nothing sealed this way would
be sealed.
`--check` writes nothing and fails if the file in the repository differs.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pyarrow as pa
from Crypto.Hash import SHAKE256
from Crypto.PublicKey import ECC

from primitives.assets import AssetList
from primitives.backend import Backend
from primitives.backends import get_backend
from prover.argument import ProofRandomness
from prover.book.store import Book, BookWriter
from prover.certificate import make_certificate
from prover.commit import seal_book
from prover.openings import make_opening
from prover.prove_book import prove_book
from prover.solvency import prove_solvency
from prover.vault import Vault

TARGET: Final = Path(__file__).with_name("sample.json")
SEED: Final = b"sealedbook check page sample 1"
ISSUER: Final = "Sample Exchange (made up)"
AS_OF: Final = datetime(2026, 6, 30, tzinfo=UTC)
ASSETS: Final = AssetList.of([("BTC", 8), ("ETH", 9), ("USDT", 6)])
ACCOUNT: Final = "sample-17"
AUDIENCE: Final = "Sample Lender, June 2026"
ACCOUNTS: Final = 53
"""They fill 64 leaves with padding."""
HOLDINGS: Final[Mapping[str, int]] = {"BTC": 41_250_000, "ETH": 3_000_000_000, "USDT": 1_234_567_890}
MODEL: Final = b'{"format": "sealedbook/model/v1", "kind": "non-negative"}'
RESERVES: Final = {"BTC": "31", "ETH": "412.5", "USDT": "250000"}
STATEMENT: Final = b'{"format": "sealedbook/model/v1", "kind": "at-least", "asset": "BTC", "amount": "0.25"}'


class _Stream:
    """Bytes that follow from the seed and a purpose alone."""

    def __init__(self, purpose: bytes) -> None:
        self._shake = SHAKE256.new(SEED + b"\x00" + purpose)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        return bytes(self._shake.read(size))

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1; the bias of 64 bits does not matter for made-up balances."""
        return int.from_bytes(self.take(8)) % limit


@contextmanager
def _seeded() -> Iterator[None]:
    """Within, what the product draws from the operating system comes from the seed."""
    stream = _Stream(b"secrets")
    key = ECC.construct(curve="Ed25519", seed=_Stream(b"issuer").take(32))  # type: ignore[arg-type]  # bytes, says its manual
    with (
        patch.object(secrets, "token_bytes", lambda size=32: stream.take(size)),
        patch("prover.issuer.generate_key", lambda: key),
    ):
        yield


def _write_book(folder: Path) -> Book:
    stream = _Stream(b"book")
    limits = {"BTC": 100_000_000, "ETH": 15_000_000_000, "USDT": 8_000_000_000}
    accounts = {f"sample-{i:02d}": {a: stream.below(limits[a]) for a in limits} for i in range(ACCOUNTS)}
    accounts[ACCOUNT] = dict(HOLDINGS)
    folder.mkdir(mode=0o700)
    writer = BookWriter(folder, ASSETS)
    ids = sorted(accounts)
    rows = [(i, ASSETS.index(a), q) for i in ids for a, q in sorted(accounts[i].items())]
    counts = pa.array([len(accounts[i]) for i in ids], pa.int32())
    writer.add_part(
        pa.table({"account": ids, "positions": counts}),
        pa.table(
            {
                "account": pa.array([row[0] for row in rows], pa.string()),
                "asset": pa.array([row[1] for row in rows], pa.int32()),
                "amount": pa.array([row[2] for row in rows], pa.int64()),
            }
        ),
    )
    writer.finish({"kind": "sample"})
    return Book.open(folder)


def _reserves() -> bytes:
    document = {
        "format": "sealedbook/reserves/v1",
        "as_of": AS_OF.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "assets": [{"asset": asset, "total": total} for asset, total in RESERVES.items()],
    }
    return json.dumps(document).encode()


def make_sample(backend: Backend) -> bytes:
    """The contents of `sample.json`."""
    with tempfile.TemporaryDirectory() as name, _seeded():
        folder = Path(name)
        book, bundle = _write_book(folder / "book"), folder / "bundle"
        vault = Vault.create(folder / "vault", ISSUER, None)
        issuer = vault.issuer(None)
        result = seal_book(book, bundle=bundle, vault=vault, backend=backend, as_of=AS_OF)
        sealed = vault.open_book(result.digest, None)
        prove_book(bundle, sealed, issuer, backend, model=MODEL, market=None, workers=1)
        prove_solvency(bundle, sealed, issuer, backend, reserves=_reserves())
        opening = make_opening(sealed, ACCOUNT, backend)
        randomness = ProofRandomness(_Stream(b"certificate").take(32))
        certificate = make_certificate(
            opening, backend, model=STATEMENT, audience=AUDIENCE, randomness=randomness
        )
        sample: dict[str, Any] = {
            "comment": "Made by generate.py from a seed. A made-up exchange: nothing here is real or secret.",
            "account": ACCOUNT,
            "audience": AUDIENCE,
            "issuerKey": issuer.public_key.hex(),
            "opening": opening.to_bytes().decode(),
            "certificate": certificate.to_bytes().decode(),
            "bundle": {
                str(path.relative_to(bundle)): base64.b64encode(path.read_bytes()).decode()
                for path in sorted(bundle.rglob("*"))
                if path.is_file()
            },
        }
    return (json.dumps(sample, indent=2) + "\n").encode()


def main() -> None:
    """Write the file, or compare it."""
    data = make_sample(get_backend())
    if "--check" not in sys.argv[1:]:
        TARGET.write_bytes(data)
    elif TARGET.read_bytes() != data:
        raise SystemExit(f"{TARGET.name} is not what generate.py makes")


if __name__ == "__main__":
    main()
