"""Strict JSON: what is accepted from outside, and the one canonical form of what is hashed.

Canonical form is RFC 8785 (JCS). Numbers are integers of at most 53 bits; anything larger travels as
text. Duplicate keys, floats, constants such as NaN, unknown fields and deep nesting are errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, TypeVar

import rfc8785

from primitives.errors import DecodingError

MAX_JSON_BYTES: Final = 32 * 1024 * 1024
"""No document of this product is larger; a reader stops before parsing."""
MAX_SAFE_INTEGER: Final = (1 << 53) - 1
MAX_DEPTH: Final = 64
"""Objects and arrays inside one another."""

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]
_Parsed = TypeVar("_Parsed")

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_HEX: Final = re.compile(r"\A(?:[0-9a-f]{2})*\Z")


class JsonError(DecodingError):
    """JSON text or a field in it is not what the format says; `path` names the field, `$` the document."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}")


def canonical_json(value: Json) -> bytes:
    """The RFC 8785 form of `value`."""
    return rfc8785.dumps(value)


def parse_json(data: bytes) -> Json:
    """Parse `data` (UTF-8) strictly; `JsonError` says where and why not."""
    if len(data) > MAX_JSON_BYTES:
        raise JsonError("$", f"document has {len(data)} bytes, more than {MAX_JSON_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError("$", f"not UTF-8 at byte {error.start}") from error
    refuse_deep_nesting(text)
    try:
        value: Json = json.loads(
            text, object_pairs_hook=_no_duplicates, parse_float=_no_float, parse_constant=_no_float,
            parse_int=_safe_integer,
        )  # fmt: skip
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise JsonError("$", f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeEncodeError as error:
        raise JsonError("$", "text holds an unpaired surrogate") from error
    return value


def parse_canonical_json(data: bytes) -> Json:
    """Parse `data` and insist that it is its own RFC 8785 form, byte for byte."""
    value = parse_json(data)
    # every value that parse_json lets through has a canonical form
    if canonical_json(value) != data:
        raise JsonError("$", "not in canonical form (RFC 8785): the file was reformatted or edited")
    return value


class JsonObject:
    """One JSON object, read field by field; `finish` refuses what was not read.

    Every reader raises `JsonError` with the path of the field.
    """

    def __init__(self, value: Json, path: str = "$") -> None:
        if not isinstance(value, dict):
            raise JsonError(path, f"expected an object, found {_kind(value)}")
        self._fields = dict(value)
        self._path = path

    def _take(self, name: str) -> Json:
        if name not in self._fields:
            raise JsonError(self._path, f"field {name!r} is missing")
        return self._fields.pop(name)

    def path(self, name: str) -> str:
        """The path of field `name`, for errors."""
        return f"{self._path}.{name}"

    def fail(self, name: str, reason: str) -> JsonError:
        """An error about field `name`, to be raised by the caller."""
        return JsonError(self.path(name), reason)

    def has(self, name: str) -> bool:
        """Whether field `name` is there and not yet read."""
        return name in self._fields

    def peek(self, name: str) -> Json:
        """The value of field `name` without reading it, None where it is absent or read."""
        return self._fields.get(name)

    def text(self, name: str, *, max_length: int = 1024, allow_empty: bool = False) -> str:
        """A string of at most `max_length` characters, not empty unless allowed."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self.fail(name, f"expected text, found {_kind(value)}")
        if len(value) > max_length:
            raise self.fail(name, f"longer than {max_length} characters")
        if not value and not allow_empty:
            raise self.fail(name, "is empty")
        return value

    def constant(self, name: str, expected: str) -> None:
        """A string that must equal `expected`."""
        value = self.text(name)
        if value != expected:
            raise self.fail(name, f"expected {expected!r}, found {value[:64]!r}")

    def integer(self, name: str, *, minimum: int, maximum: int) -> int:
        """An integer in ``[minimum, maximum]``."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fail(name, f"expected an integer, found {_kind(value)}")
        if not minimum <= value <= maximum:
            raise self.fail(name, f"{value} is not between {minimum} and {maximum}")
        return value

    def decimal_integer(self, name: str, *, minimum: int, maximum: int) -> int:
        """An integer in ``[minimum, maximum]`` written as canonical decimal text."""
        value = self.text(name, max_length=96)
        if not re.fullmatch(r"0|-?[1-9][0-9]*", value):
            raise self.fail(name, f"expected an integer in canonical decimal text, found {value!r}")
        number = int(value)
        if not minimum <= number <= maximum:
            raise self.fail(name, "integer out of range")
        return number

    def hex(self, name: str, size: int) -> bytes:
        """Exactly `size` bytes in lower-case hexadecimal."""
        value = self.text(name, max_length=2 * size, allow_empty=size == 0)
        if not _HEX.match(value) or len(value) != 2 * size:
            raise self.fail(name, f"expected {size} bytes in lower-case hexadecimal")
        return bytes.fromhex(value)

    def array(self, name: str, parse: Callable[[Json, str], _Parsed], *, max_items: int) -> list[_Parsed]:
        """An array of at most `max_items`, each parsed by ``parse(value, path)``."""
        value = self._take(name)
        if not isinstance(value, list):
            raise self.fail(name, f"expected an array, found {_kind(value)}")
        if len(value) > max_items:
            raise self.fail(name, f"has {len(value)} entries, more than {max_items}")
        return [parse(item, f"{self.path(name)}[{index}]") for index, item in enumerate(value)]

    def object(self, name: str) -> JsonObject:
        """A nested object."""
        return JsonObject(self._take(name), self.path(name))

    def optional_object(self, name: str) -> JsonObject | None:
        """A nested object, or None where the field is absent."""
        return self.object(name) if self.has(name) else None

    def raw(self, name: str) -> Json:
        """Any value."""
        return self._take(name)

    def finish(self) -> None:
        """Raise unless every field has been read."""
        if self._fields:
            names = ", ".join(repr(name[:64]) for name in sorted(self._fields)[:5])
            raise JsonError(self._path, f"unknown field {names}")


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    names = {bool: "true/false", int: "a number", str: "text", list: "an array", dict: "an object"}
    return names[type(value)]


def refuse_deep_nesting(text: str) -> None:
    """`JsonError` if objects and arrays are nested deeper than `MAX_DEPTH`.

    Before parsing: the parser recurses in C, and libraries raise Python's recursion limit beyond the stack.
    """
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise JsonError("$", f"nested more than {MAX_DEPTH} levels deep")
        elif match[0] in "]}":
            depth -= 1


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for key, value in pairs:
        if key in result:
            raise JsonError("$", f"field {key[:64]!r} appears twice in one object")
        result[key] = value
    return result


def _no_float(text: str) -> Json:
    raise JsonError("$", f"{text[:40]} is not an integer; amounts travel as integers or as text")


def _safe_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_SAFE_INTEGER or text == "-0":
        raise JsonError("$", f"number {text[:40]} is not an integer of at most 53 bits")
    return int(text)
