"""Sealing: time per account and per leaf, multi-scalar multiplication, whole books, memory.

Times per core are taken with one thread, whole books with all. Whole books run in processes of their own, so
that the peak memory is theirs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.figures import Figure, median_cpu_seconds, median_seconds, peak_megabytes, print_figures, run_child
from bench.synthetic import random_rows, write_synthetic_book
from native import _kernels
from primitives.assets import AssetList
from primitives.backend import Backend, PointVector, ScalarVector
from primitives.backends import get_backend
from primitives.generators import Generators
from primitives.native_backend import NativeBackend, set_thread_count

_BOOK_SECONDS = 60.0
_BOOK_MEGABYTES = 4000.0


def run(*, as_json: bool, quick: bool) -> None:
    """All figures of sealing."""
    native = get_backend("native")
    accounts = 1 << 12 if quick else 1 << 16
    figures = [
        *_account_figures(native, accounts),
        _tree_figure(native, accounts),
        *_msm_figures(10 if quick else 18),
        _ratio_figure(native, get_backend("reference")),
    ]
    for size in (10**4,) if quick else (10**5, 10**6):
        figures += _book_figures(size)
    print_figures("commit", figures, as_json=as_json)


def _account_figures(backend: Backend, accounts: int) -> list[Figure]:
    figures = []
    for assets, bits, target in ((3, 40, 12.0), (53, 64, 80.0)):
        seconds = _commit_seconds(backend, accounts, assets, bits)
        figures.append(
            Figure(
                f"commitment, {assets} assets of {bits} bits", seconds / accounts * 1e6, "us/account", target,
                note=f"one thread, {accounts:,} accounts",
            )
        )  # fmt: skip
    return figures


def _commit_seconds(backend: Backend, accounts: int, assets: int, bits: int, repeats: int = 3) -> float:
    offsets, columns, amounts = random_rows(accounts, assets, bits)
    generators = Generators(backend)
    listed = AssetList.of((f"asset-{index}", 0) for index in range(assets))
    key = backend.commitment_key(generators.assets(listed.assets), generators.blinding(), accounts)
    blindings = random_scalars(backend, accounts)
    with one_thread():
        return median_cpu_seconds(lambda: key.commit(offsets, columns, amounts, blindings), repeats)


def _tree_figure(backend: Backend, leaves: int) -> Figure:
    points = random_points(backend, leaves)
    tags = secrets.token_bytes(32 * leaves)

    def build() -> None:
        hashes = backend.sum_tree_leaf_hashes(tags, points.to_compressed())
        sums = points
        while len(sums) > 1:
            hashes, sums = backend.sum_tree_level(hashes, sums)

    with one_thread():
        seconds = median_cpu_seconds(build)
    return Figure("sum tree", seconds / leaves * 1e6, "us/leaf", 3.0, note=f"one thread, {leaves:,} leaves")


def _msm_figures(largest: int) -> list[Figure]:
    native = NativeBackend()
    figures = []
    for exponent in (12, largest) if largest > 12 else (largest,):
        count = 1 << exponent
        points, scalars = random_points(native, count), random_scalars(native, count)
        repeats = 15 if exponent <= 12 else 5
        both = median_seconds(lambda: native.multi_scalar_multiply(points, scalars), repeats)  # noqa: B023
        ratios = []
        with one_thread():
            for _ in range(repeats):
                ours = median_cpu_seconds(lambda: native.multi_scalar_multiply(points, scalars), 1)  # noqa: B023
                theirs = median_cpu_seconds(lambda: _kernels.blst_pippenger(points, scalars), 1)  # noqa: B023
                ratios.append(ours / theirs)
        figures += [
            Figure(f"multi-scalar multiplication, 2^{exponent}", both / count * 1e6, "us/point", note="all threads"),
            Figure(
                f"  time relative to blst's Pippenger, 2^{exponent}", float(np.median(ratios)), "x", 1.05,
                note="one thread each",
            ),
        ]  # fmt: skip
    return figures


def _ratio_figure(native: Backend, reference: Backend) -> Figure:
    accounts = 16
    slow = _commit_seconds(reference, accounts, 3, 40, repeats=1) / accounts
    fast = _commit_seconds(native, 1 << 14, 3, 40) / (1 << 14)
    return Figure("native over reference, commitment of 3 assets", slow / fast, "x faster")


def _book_figures(accounts: int) -> list[Figure]:
    result = run_child(["bench.commit", "--book", str(accounts)])
    seconds, megabytes = float(str(result["seconds"])), float(str(result["megabytes"]))
    large = accounts == 10**6
    return [
        Figure(f"book of {accounts:,} accounts sealed", seconds, "s", _BOOK_SECONDS if large else None,
               note="3 assets, all threads, tree, vault and bundle written"),
        Figure(f"  verified, {accounts:,} accounts", float(str(result["verify_seconds"])), "s"),
        Figure(f"  peak memory, {accounts:,} accounts", megabytes, "MB", _BOOK_MEGABYTES),
    ]  # fmt: skip


def _seal_one(accounts: int) -> None:
    """Seal a book of `accounts` in this process; print seconds and peak memory as one line of JSON."""
    from prover.book.store import Book
    from prover.commit import seal_book
    from prover.vault import Vault
    from verifier.bundle import verify_bundle

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_synthetic_book(folder / "book", accounts)
        vault = Vault.create(folder / "vault", "bench", None)
        backend = get_backend("native")
        start = time.perf_counter()
        seal_book(Book.open(folder / "book"), bundle=folder / "bundle", vault=vault, backend=backend)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        verify_bundle(folder / "bundle", backend, issuer_key=None)
        verify_seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "verify_seconds": verify_seconds, "megabytes": peak_megabytes()}))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run the native kernels on one thread inside the block."""
    set_thread_count(1)
    try:
        yield
    finally:
        set_thread_count(0)


def random_scalars(backend: Backend, count: int) -> ScalarVector:
    """`count` uniform scalars."""
    return backend.scalars_from_wide_bytes(secrets.token_bytes(64 * count))


def random_points(backend: Backend, count: int) -> PointVector:
    """`count` points with unknown relations are not needed for timing: multiples of H do."""
    generators = Generators(backend)
    key = backend.commitment_key(generators.blinding(), generators.blinding(), count)
    empty = np.zeros(0, dtype=np.int64)
    return key.commit(
        np.zeros(count + 1, dtype=np.int64), empty.astype(np.int32), empty, random_scalars(backend, count)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--book", type=int, required=True)
    _seal_one(parser.parse_args().book)
