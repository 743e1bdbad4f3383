"""Arrays in the vault: ``.npy`` files that only their owner can read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from prover.secret_file import write_private


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, mode 0600, open for writing and seeking."""
    write_private(path, b"")
    with path.open("r+b") as file:
        yield file


def save_array(path: Path, array: NDArray[np.int64] | NDArray[np.int32]) -> None:
    """Write a new ``.npy`` file, mode 0600."""
    with private_file(path) as file:
        np.save(file, array, allow_pickle=False)


class ArrayWriter:
    """Appends to a one-dimensional ``.npy`` file whose length is not known beforehand.

    The header is written twice: first for length 0, at the end for the true one. NumPy leaves room for the
    digits of any length, so both have one size.
    """

    def __init__(self, path: Path, kind: type[np.int32] | type[np.int64]) -> None:
        self._path = path
        self._dtype = np.dtype(kind)
        self._length = 0

    def __enter__(self) -> ArrayWriter:
        self._context = private_file(self._path)
        self._file = self._context.__enter__()
        self._write_header()
        return self

    def append(self, values: NDArray[np.int32] | NDArray[np.int64]) -> None:
        """Append `values`, which have the writer's type."""
        if values.dtype != self._dtype:
            raise TypeError(f"values are {values.dtype}, expected {self._dtype}")
        self._file.write(np.ascontiguousarray(values).tobytes())
        self._length += len(values)

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._file.seek(0)
            self._write_header()
        self._context.__exit__(None, None, None)

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._length,),
        }
        np.lib.format.write_array_header_1_0(self._file, header)
