"""Text files in chunks: gzip, byte order marks, line numbers, byte offsets.

A chunk is a run of whole lines. Its consumer may hand back an incomplete record at its end (a quoted
field with a line break in it), which then opens the next chunk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from prover.book.errors import BookError
from prover.book.report import Problem

CHUNK_BYTES: Final = 8 << 20
MAX_RECORD_BYTES: Final = 16 << 20

_BOM: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_GZIP: Final = b"\x1f\x8b"
_COMPRESSED: Final = {
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
}
PARQUET_MAGIC: Final = b"PAR1"


class InputFaultError(BookError):
    """A fault of a whole file; carries the `Problem` to log. Does not leave `import_book`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.reason)


def check_readable(path: Path) -> int:
    """The size of the file in bytes; `InputFaultError` if it is missing, no file, unreadable or empty."""
    name = str(path)
    try:
        if path.is_dir():
            raise InputFaultError(Problem("not-a-file", name, "is a folder"))
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
    except FileNotFoundError:
        raise InputFaultError(Problem("missing-file", name, "there is no such file")) from None
    except OSError as error:
        raise InputFaultError(Problem("unreadable-file", name, f"cannot be read: {error.strerror}")) from None
    if size == 0:
        raise InputFaultError(Problem("empty-file", name, "is empty"))
    return size


def is_gzip(path: Path) -> bool:
    """Whether the file starts as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def file_sha256(path: Path) -> str:
    """SHA-256 of the file as it is on the disk, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class Chunk:
    """Whole lines: `first_line` counts from 1, `offset` is the byte offset in the decompressed file.

    The consumer sets `unused` to the number of bytes at the end that it could not use yet. In the last
    chunk it must use everything.
    """

    data: bytes
    first_line: int
    offset: int
    last: bool
    unused: int = 0


class TextInput:
    """One text file, plain or gzip, as chunks of lines.

    `on_bytes` is called with the number of bytes read from the disk since the last call.
    """

    def __init__(self, path: Path, *, chunk_bytes: int, on_bytes: Callable[[int], None]) -> None:
        self.path = path
        self.name = str(path)
        self._chunk_bytes = chunk_bytes
        self._on_bytes = on_bytes

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order; raises `InputFaultError` for everything that concerns the whole file."""
        return self._cut(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """The decompressed bytes as they come, cut anywhere; same errors."""
        try:
            with self.path.open("rb") as raw:
                yield from self._decompressed(raw)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            fault = Problem("damaged-gzip", self.name, "the gzip file is damaged or cut off")
            raise InputFaultError(fault) from None
        except OSError as error:
            fault = Problem("unreadable-file", self.name, f"cannot be read: {error.strerror}")
            raise InputFaultError(fault) from None

    def _decompressed(self, raw: BinaryIO) -> Iterator[bytes]:
        start = raw.read(6)
        raw.seek(0)
        for magic, kind in _COMPRESSED.items():
            if start.startswith(magic):
                reason = f"is compressed with {kind}"
                raise InputFaultError(Problem("unsupported-compression", self.name, reason))
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if start.startswith(_GZIP) else raw
        position = 0
        while block := stream.read(self._chunk_bytes):
            yield block
            self._on_bytes(raw.tell() - position)
            position = raw.tell()
        self._on_bytes(raw.tell() - position)

    def _cut(self, blocks: Iterator[bytes]) -> Iterator[Chunk]:
        held, offset = self.first_block(blocks)
        line = 1
        while True:
            end = held.rfind(b"\n") + 1
            if end:
                chunk = Chunk(held[:end], line, offset, last=False)
                yield chunk
                used = end - chunk.unused
                line += chunk.data.count(b"\n", 0, used)
                offset += used
                held = held[used:]
            if len(held) > MAX_RECORD_BYTES:
                reason = f"a record of more than {MAX_RECORD_BYTES} bytes starts here"
                raise InputFaultError(Problem("record-too-long", self.name, reason, line))
            block = next(blocks, b"")
            if not block:
                break
            held += block
        yield Chunk(held, line, offset, last=True)

    def first_block(self, blocks: Iterator[bytes]) -> tuple[bytes, int]:
        """The first bytes without a UTF-8 byte order mark, and the mark's length.

        `InputFaultError` if there are none, or if they belong to another encoding or format.
        """
        start = b""
        for block in blocks:
            start += block
            if len(start) >= len(PARQUET_MAGIC):
                break
        if not start:
            raise InputFaultError(Problem("empty-file", self.name, "is empty"))
        if start.startswith(_UTF16_MARKS) or start[:1] == b"\x00" or start[1:2] == b"\x00":
            raise InputFaultError(Problem("utf-16", self.name, "is in UTF-16, UTF-8 is needed"))
        if start.startswith(PARQUET_MAGIC):
            raise InputFaultError(Problem("not-text", self.name, "is a Parquet file, text is expected here"))
        mark = len(_BOM) if start.startswith(_BOM) else 0
        return start[mark:], mark
