"""CSV in chunks, two ways: whole columns at once where a chunk is plain, record by record elsewhere.

`columns_of` takes a chunk only if every line of it is one record with the right number of fields, in
valid UTF-8, without control characters; then row i of the columns is line ``first_line + i``. Everything
else goes through `records_of`, which gives every record with its line, its byte offset and what is wrong
with it. Where both apply they agree.

Records follow RFC 4180: fields may be quoted, quotation marks inside are doubled, lines end with LF or
CRLF. A quotation mark inside an unquoted field stands for itself. Empty lines hold no record.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pc_csv

from prover.book.report import Problem
from prover.book.text_input import Chunk, InputFaultError, TextInput


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `line` is its first line, `bad_byte` the offset of the first byte that is not UTF-8.

    Undecodable bytes appear in the fields as lone surrogates, which no canonical text has.
    """

    line: int
    fields: list[str]
    bad_byte: int | None


class CsvInput:
    """One CSV file: its header, then its chunks."""

    def __init__(self, text: TextInput, delimiter: str) -> None:
        self.name = text.name
        self.delimiter = delimiter
        self._chunks = text.chunks()

    def read_header(self) -> tuple[list[str], Iterator[Chunk]]:
        """The first record and the chunks after it; `InputFaultError` if it is missing or repeats a name."""
        for chunk in self._chunks:
            for record, end in _split(chunk, self.delimiter, self.name):
                fault = header_fault(record)
                if fault is not None:
                    raise InputFaultError(Problem(fault[0], self.name, fault[1], record.line))
                return record.fields, self._after(chunk, end)
            # a header that continues beyond the chunk: take more lines
        raise InputFaultError(Problem("empty-file", self.name, "has no header line"))

    def _after(self, first: Chunk, end: int) -> Iterator[Chunk]:
        line = first.first_line + first.data.count(b"\n", 0, end)
        rest = Chunk(first.data[end:], line, first.offset + end, first.last)
        yield rest
        first.unused = rest.unused
        yield from self._chunks


def header_fault(record: Record) -> tuple[str, str] | None:
    """Code and reason if `record` cannot be a header."""
    if record.bad_byte is not None:
        return "bad-encoding", f"the header is not UTF-8 at byte {record.bad_byte}"
    seen: set[str] = set()
    for name in record.fields:
        if name in seen:
            return "duplicate-header", f"column {name!r} appears twice"
        seen.add(name)
    return None


@functools.cache
def _controls(delimiter: str) -> bytes:
    """The control characters that no plain chunk has."""
    wanted = b"\r\n" + delimiter.encode()
    return bytes(byte for byte in (*range(32), 127) if byte not in wanted)


@functools.cache
def _plainly_quoted(delimiter: str) -> re.Pattern[bytes]:
    """Lines whose fields are free of quotation marks, apart from a pair around the whole field."""
    cut = re.escape(delimiter.encode())
    field = rb'(?:"[^"\r\n]*+"|[^"\r\n' + cut + rb"]*+)"
    return re.compile(rb"(?:" + field + rb"(?:" + cut + rb"|\r?\n|\Z))*+")


def columns_of(chunk: Chunk, delimiter: str, width: int) -> list[pa.StringArray] | None:
    """The chunk's `width` columns as text, or None if the chunk is not plain in the sense above."""
    data = chunk.data
    quoted = b'"' in data
    if (
        # the column parser would drop a byte order mark, which here belongs to a field
        data.startswith(b"\xef\xbb\xbf")
        or len(data.translate(None, _controls(delimiter))) != len(data)
        or data.count(b"\r") != data.count(b"\r\n")
        or (quoted and not _plainly_quoted(delimiter).fullmatch(data))
    ):
        return None
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    names = [str(number) for number in range(width)]
    try:
        table = pc_csv.read_csv(
            pa.BufferReader(data),
            pc_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            pc_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoted else False,
                double_quote=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
            ),
            pc_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=True
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != lines:
        return None
    return [column.combine_chunks() for column in table.columns]


def is_plain_text(chunk: Chunk) -> bool:
    """Whether no field of a chunk taken by `columns_of` has blanks, controls or more than ASCII.

    Quoted fields may hold the delimiter, which may be a tab.
    """
    return b" " not in chunk.data and b'"' not in chunk.data and chunk.data.isascii()


def records_of(chunk: Chunk, delimiter: str, name: str) -> Iterator[Record]:
    """Every record of the chunk; sets ``chunk.unused`` where the last one is incomplete.

    Raises `InputFaultError` (``bad-quoting``) where quotation marks leave the borders of records uncertain.
    """
    for record, _ in _split(chunk, delimiter, name):
        yield record


def _split(chunk: Chunk, delimiter: str, name: str) -> Iterator[tuple[Record, int]]:
    """Records with the offset of their end inside the chunk."""
    data = chunk.data
    position, line = 0, chunk.first_line
    while position < len(data):
        end = _line_end(data, position)
        raw = data[position:end].rstrip(b"\n").removesuffix(b"\r")
        lines = 1
        if raw:
            bad_byte = _bad_byte(raw, chunk.offset + position)
            fields: list[str] | None
            if b'"' not in raw:
                fields = _decode(raw).split(delimiter)
            else:
                fields = _parse(raw, delimiter, name, line)
                while fields is None and end < len(data):
                    start = end
                    end = _line_end(data, start)
                    lines += 1
                    raw = data[position:end].rstrip(b"\n").removesuffix(b"\r")
                    if b'"' in data[start:end]:
                        fields = _parse(raw, delimiter, name, line)
                bad_byte = _bad_byte(raw, chunk.offset + position)
            if fields is None:
                if chunk.last:
                    reason = "a quotation mark opens here and is never closed"
                    raise InputFaultError(Problem("bad-quoting", name, reason, line))
                chunk.unused = len(data) - position
                return
            yield Record(line, fields, bad_byte), end
        position = end
        line += lines


def _line_end(data: bytes, start: int) -> int:
    end = data.find(b"\n", start)
    return len(data) if end < 0 else end + 1


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bad_byte(raw: bytes, offset: int) -> int | None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return offset + error.start
    return None


def _parse(raw: bytes, delimiter: str, name: str, line: int) -> list[str] | None:
    """The fields of a record with quotation marks; None if it goes on in the next line."""
    try:
        return next(csv.reader([_decode(raw)], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if str(error) == "unexpected end of data":
            return None
        raise InputFaultError(Problem("bad-quoting", name, f"cannot be parsed: {error}", line)) from None
