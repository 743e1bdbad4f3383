"""The members of a large JSON object, one at a time, in bounded memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from prover.book.report import Problem
from prover.book.text_input import InputFaultError, TextInput

MAX_MEMBER_CHARACTERS: Final = 16 << 20
MAX_DEPTH: Final = 16
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|["\[\]{}]', re.DOTALL)
_BLANKS: Final = " \t\r\n"


class Pairs(list[tuple[str, Any]]):
    """The members of a small object in order, repeated names included."""


class NotAnInteger(str):
    """The text of a number that is no integer."""

    __slots__ = ()


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=NotAnInteger, parse_constant=NotAnInteger)


class JsonStream:
    """Reads one JSON document front to back.

    Objects decode to `Pairs`, numbers with a fraction or exponent to `NotAnInteger`. Anything that is not
    JSON in UTF-8 raises `InputFaultError` (``malformed-json`` or ``bad-encoding``).
    """

    def __init__(self, path: Path, *, chunk_bytes: int, on_bytes: Callable[[int], None]) -> None:
        self._text = TextInput(path, chunk_bytes=chunk_bytes, on_bytes=on_bytes)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._blocks = self._text.blocks()
        start, self._decoded = self._text.first_block(self._blocks)
        self._buffer = self._decode(start, final=False)
        self._position = 0
        self._ended = False
        self._forgotten = 0

    def fault(self, reason: str) -> InputFaultError:
        """A fault at the present place."""
        place = self._forgotten + self._position
        return InputFaultError(Problem("malformed-json", self._text.name, f"{reason} at character {place}"))

    def _decode(self, block: bytes, *, final: bool) -> str:
        try:
            text = self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 near byte {self._decoded + error.start} of the file"
            raise InputFaultError(Problem("bad-encoding", self._text.name, reason)) from None
        self._decoded += len(block)
        return text

    def _more(self) -> bool:
        """Read on; False at the end of the file."""
        if self._ended:
            return False
        block = next(self._blocks, b"")
        self._ended = not block
        self._forgotten += self._position
        self._buffer = self._buffer[self._position :] + self._decode(block, final=self._ended)
        self._position = 0
        return True

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._position < len(self._buffer) and self._buffer[self._position] in _BLANKS:
                self._position += 1
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if not self._more():
                return ""

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise self.fault(f"{character!r} expected")
        self._position += 1

    def value(self) -> Any:
        """Decode the whole value that comes next."""
        return self._nested_value() if self._peek() in ("{", "[") else self._scalar()

    def _nested_value(self) -> Any:
        while not self._is_closed():
            self._need_more()
        try:
            value, self._position = _DECODER.raw_decode(self._buffer, self._position)
        except ValueError:
            raise self.fault("not a JSON value") from None
        return value

    def _scalar(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._position)
            except ValueError:
                self._need_more()
                continue
            # a number that touches the end of the buffer may go on in the next block
            if end < len(self._buffer) or not self._more():
                self._position = end
                return value

    def _need_more(self) -> None:
        if len(self._buffer) - self._position > MAX_MEMBER_CHARACTERS or not self._more():
            raise self.fault("not a JSON value of reasonable size")

    def _is_closed(self) -> bool:
        """Whether the object or array that comes next ends in the buffer.

        Too deep a nesting is refused here: the decoder recurses in C, and libraries raise Python's
        recursion limit beyond the stack.
        """
        depth = 0
        for match in _STRING_OR_BRACKET.finditer(self._buffer, self._position):
            found = match[0]
            if found in "{[":
                depth += 1
                if depth > MAX_DEPTH:
                    raise self.fault(f"nested more than {MAX_DEPTH} levels deep")
            elif found in "}]":
                depth -= 1
                if depth == 0:
                    return True
            elif len(found) == 1:
                # a string that is not closed yet
                return False
        return False

    def members(self) -> Iterator[str]:
        """The names in the object that comes next; the caller takes each value before the next name."""
        self._expect("{")
        if self._peek() == "}":
            self._position += 1
            return
        while True:
            name = self.value() if self._peek() == '"' else None
            if not isinstance(name, str):
                raise self.fault("a name in quotation marks expected")
            self._expect(":")
            yield name
            if self._peek() == "}":
                self._position += 1
                return
            self._expect(",")

    def expect_end(self) -> None:
        """`InputFaultError` if anything follows."""
        if self._peek():
            raise self.fault("text after the end of the document")
