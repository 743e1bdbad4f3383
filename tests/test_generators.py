"""Generators: distinct labels, and a cache that may be lost, damaged or poisoned without harm."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Final

import pytest
from sealing_support import fastest_backend

from primitives import generators as module
from primitives.assets import Asset
from primitives.backend import Backend
from primitives.generators import (
    Generators,
    asset_label,
    column_label,
    default_cache_directory,
    mask_label,
)
from primitives.parameters import HASH_TO_CURVE_DOMAIN

COUNT: Final = 20
"""Enough to be worth a file."""


def points(backend: Backend, labels: list[bytes]) -> bytes:
    return backend.hash_to_curve(labels, HASH_TO_CURVE_DOMAIN).to_compressed()


def test_generators_are_hashes_of_their_labels(backend: Backend, tmp_path: Path) -> None:
    made = Generators(backend, cache_directory=tmp_path)
    assets = [Asset("BTC", 8), Asset("\u20bfTC", 0), Asset("BTC", 18)]
    labels = [b"asset\x00\x08BTC", b"asset\x00\x00" + "\u20bfTC".encode(), b"asset\x00\x12BTC"]
    assert made.assets(assets).to_compressed() == points(backend, labels)
    assert made.blinding().to_compressed() == points(backend, [b"blinding"])
    assert made.linear_form().to_compressed() == points(backend, [b"linear-form"])
    assert made.columns(2).to_compressed() == points(
        backend, [b"bit-column\x00" + bytes(4), b"bit-column\x00" + bytes(3) + b"\x01"]
    )
    assert made.masks(2).to_compressed() == points(
        backend, [b"mask\x00" + bytes(4), b"mask\x00" + bytes(3) + b"\x01"]
    )
    assert made.assets([]).to_compressed() == b""


def test_labels_are_distinct(tmp_path: Path) -> None:
    """Ids that look like other labels, numbers of decimals that look like letters."""
    assets = [
        Asset(name, decimals)
        for name in ("BTC", "btc", "asset", "blinding", "8BTC", "C")
        for decimals in (0, 8, 18)
    ]
    labels = [asset_label(asset) for asset in assets]
    labels += [label(index) for label in (column_label, mask_label) for index in (0, 1, 255, 256, 2**32 - 1)]
    labels += [module.BLINDING_LABEL, module.LINEAR_FORM_LABEL]
    assert len(set(labels)) == len(labels)
    for label in (column_label, mask_label):
        for index in (-1, 1 << 32):
            with pytest.raises(OverflowError):
                label(index)


def test_decimals_matter(backend: Backend, tmp_path: Path) -> None:
    made = Generators(backend, cache_directory=tmp_path)
    assert made.assets([Asset("BTC", 8)]).to_compressed() != made.assets([Asset("BTC", 7)]).to_compressed()


class Counting:
    """A backend that counts how many points it derives."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.derived = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def hash_to_curve(self, messages: list[bytes], domain: bytes) -> object:
        self.derived += len(messages)
        return self._backend.hash_to_curve(messages, domain)


def derive(folder: Path) -> tuple[bytes, int]:
    """The columns as a fresh program gets them, and how many points it had to derive."""
    backend = Counting(fastest_backend())
    made = Generators(backend, cache_directory=folder)  # type: ignore[arg-type]
    data = made.columns(COUNT).to_compressed()
    once = backend.derived
    assert made.columns(COUNT).to_compressed() == data
    assert backend.derived == once
    return data, once


def cache_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_second_program_takes_them_from_the_cache(tmp_path: Path) -> None:
    first, derived = derive(tmp_path / "cache")
    assert derived == COUNT
    second, checked = derive(tmp_path / "cache")
    assert (second, checked) == (first, 2)
    assert cache_file(tmp_path / "cache").stat().st_size == 32 + 96 * COUNT


def test_few_points_are_not_worth_a_file(tmp_path: Path) -> None:
    Generators(fastest_backend(), cache_directory=tmp_path / "cache").columns(15)
    assert not (tmp_path / "cache").exists()


def test_assets_leave_no_trace_on_disk(tmp_path: Path) -> None:
    """Not even many of them: an opening asks for the generators of what one account holds."""
    backend = Counting(fastest_backend())
    made = Generators(backend, cache_directory=tmp_path / "cache")  # type: ignore[arg-type]
    held = [Asset(f"A{index}", 0) for index in range(COUNT)]
    points_of_all = made.assets(held).to_compressed()
    assert made.assets(held).to_compressed() == points_of_all
    assert backend.derived == COUNT
    assert not (tmp_path / "cache").exists()


def stamped(path: Path, body: bytes) -> bytes:
    """`body` with the digest that the cache wants."""
    key = bytes.fromhex(path.stem.partition("-")[2])
    return hashlib.sha256(key + body).digest() + body


def test_a_damaged_cache_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    honest, _ = derive(tmp_path)
    path = cache_file(tmp_path)
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[40] ^= 1
    off_curve = bytearray(data[32:])
    off_curve[95] ^= 1
    for damaged, said in (
        (b"", "is damaged"),
        (data[:-1], "is damaged"),
        (data + b"x", "is damaged"),
        (bytes(flipped), "is damaged"),
        (stamped(path, data[32:-96]), "is damaged"),
        (stamped(path, bytes(off_curve)), "does not decode"),
    ):
        path.write_bytes(damaged)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            again, derived = derive(tmp_path)
        assert (again, derived) == (honest, COUNT)
        assert said in caplog.text
        assert path.read_bytes() == data


def test_a_poisoned_cache_is_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Other points with a digest that fits: samples are derived anew. Here every point is another."""
    honest, _ = derive(tmp_path)
    path = cache_file(tmp_path)
    body = path.read_bytes()[32:]
    path.write_bytes(stamped(path, body[96:] + body[:96]))
    with caplog.at_level(logging.WARNING):
        again, _ = derive(tmp_path)
    assert again == honest
    assert "holds other points" in caplog.text


def test_a_file_of_other_labels_does_not_fit(tmp_path: Path) -> None:
    honest, _ = derive(tmp_path / "one")
    backend = fastest_backend()
    Generators(backend, cache_directory=tmp_path / "two").masks(COUNT)
    foreign = cache_file(tmp_path / "two").read_bytes()
    cache_file(tmp_path / "one").write_bytes(foreign)
    assert derive(tmp_path / "one") == (honest, COUNT)


def test_a_cache_that_cannot_be_written_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    honest, _ = derive(tmp_path / "file" / "cache")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    assert derive(tmp_path / "cache") == (honest, COUNT)
    assert list((tmp_path / "cache").iterdir()) == []


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEALEDBOOK_CACHE", str(tmp_path))
    assert default_cache_directory() == tmp_path
    monkeypatch.setenv("SEALEDBOOK_CACHE", "")
    assert default_cache_directory().name == "sealedbook"
