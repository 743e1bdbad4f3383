"""Random books of any size, for measuring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from primitives.assets import AssetList
from prover.book.store import BookWriter

_PART = 1 << 17


def random_rows(
    accounts: int, assets: int, bits: int, seed: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Every account holds every asset: offsets, columns, amounts of about `bits` bits, sign included."""
    random = np.random.default_rng(seed)
    bound = 1 << (bits - 1)
    amounts = random.integers(-bound + 1, bound - 1, size=accounts * assets, dtype=np.int64)
    columns = np.tile(np.arange(assets, dtype=np.int32), accounts)
    return np.arange(accounts + 1, dtype=np.int64) * assets, columns, amounts


def write_synthetic_book(
    folder: Path, accounts: int, assets: int = 3, bits: int = 40, *, positive: bool = False
) -> None:
    """A book folder with `accounts` accounts that hold every asset (or owe it, unless `positive`)."""
    folder.mkdir(mode=0o700)
    writer = BookWriter(folder, AssetList.of((f"asset-{index}", 0) for index in range(assets)))
    for start in range(0, accounts, _PART):
        count = min(_PART, accounts - start)
        ids = pa.array([f"account-{index:012d}" for index in range(start, start + count)])
        _, columns, amounts = random_rows(count, assets, bits, seed=start)
        amounts = np.abs(amounts) if positive else amounts
        amounts[amounts == 0] = 1
        owners = ids.take(pa.array(np.repeat(np.arange(count), assets)))
        writer.add_part(
            pa.table({"account": ids, "positions": pa.array(np.full(count, assets, dtype=np.int32))}),
            pa.table({"account": owners, "asset": columns, "amount": amounts}),
        )
    writer.finish({"kind": "synthetic"})
