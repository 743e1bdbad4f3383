"""Strict JSON: what is refused and where, and that the canonical form is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primitives import strict_json
from primitives.strict_json import (
    MAX_DEPTH,
    MAX_SAFE_INTEGER,
    Json,
    JsonError,
    JsonObject,
    canonical_json,
    parse_canonical_json,
    parse_json,
)

TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES: Final = (
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | TEXT
)  # fmt: skip
VALUES: Final[st.SearchStrategy[Json]] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def refused(data: bytes, path: str, reason: str) -> None:
    with pytest.raises(JsonError, match=reason) as caught:
        parse_json(data)
    assert caught.value.path == path


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_values_survive_in_canonical_form_and_in_any_other(value: Json) -> None:
    canonical = canonical_json(value)
    assert parse_canonical_json(canonical) == value
    for other in (
        json.dumps(value, indent=3),
        json.dumps(value, ensure_ascii=False),
        f" {json.dumps(value)}\n",
    ):
        assert parse_json(other.encode()) == value
        assert canonical_json(parse_json(other.encode())) == canonical
    assert json.loads(canonical) == value


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for parse in (parse_json, parse_canonical_json):
        try:
            value = parse(data)
        except JsonError:
            continue
        assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":1,"a":1}', "field 'a' appears twice"),
        (b'{"a":1,"\\u0061":2}', "field 'a' appears twice"),
        (b'[{"b":{"a":null,"a":null}}]', "field 'a' appears twice"),
        (b"1.0", "1.0 is not an integer"),
        (b"[1e2]", "1e2 is not an integer"),
        (b"1E400", "1E400 is not an integer"),
        (b"NaN", "NaN is not an integer"),
        (b"[Infinity]", "Infinity is not an integer"),
        (b"-Infinity", "-Infinity is not an integer"),
        (b"9007199254740992", "9007199254740992 is not an integer of at most 53 bits"),
        (b"-9007199254740992", "is not an integer of at most 53 bits"),
        (b"1" * 5000, "is not an integer of at most 53 bits"),
        (b"-0", "-0 is not an integer"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        (b"0x10", "not JSON"),
        (b"1_000", "not JSON"),
        ("\u0661".encode(), "not JSON"),
        (b"", "not JSON at line 1, column 1"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON at line 1, column 4: Extra data"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b"[1,]", "not JSON"),
        (b"// x\n1", "not JSON"),
        (b"nul", "not JSON"),
        (b'"a\nb"', "not JSON.*Invalid control character"),
        (b'"\\x41"', "not JSON.*escape"),
        (b"\xef\xbb\xbf1", "not JSON.*BOM"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b'"\xc0\xaf"', "not UTF-8 at byte 1"),
        ('"a"'.encode("utf-16"), "not UTF-8 at byte 0"),
        (b'"\\ud800"', "unpaired surrogate"),
        (b'{"\\udfff":1}', "unpaired surrogate"),
        (b'"\\udc00\\ud800"', "unpaired surrogate"),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    refused(data, "$", reason)


def test_the_largest_integers_and_paired_surrogates_are_read() -> None:
    assert parse_json(b"[9007199254740991,-9007199254740991]") == [MAX_SAFE_INTEGER, -MAX_SAFE_INTEGER]
    assert parse_json(b'"\\ud83d\\udd11"') == "\U0001f511"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"]]":', b"}]")])
def test_nesting_is_bounded_before_parsing(opening: bytes, closing: bytes) -> None:
    """Deep documents would overrun the stack of the parser, which is written in C."""
    levels = opening.count(b"[") + opening.count(b"{")
    most = MAX_DEPTH // levels
    parse_json(opening * most + b"1" + closing * most)
    refused(
        opening * (most + 1) + b"1" + closing * (most + 1), "$", f"nested more than {MAX_DEPTH} levels deep"
    )
    refused(opening * 300_000, "$", "nested more than")


def test_brackets_in_text_do_not_count() -> None:
    text = "[{" * 100 + '\\"' + "[{" * 100
    assert parse_json(json.dumps([text]).encode()) == [text]
    assert parse_json(b"[" + b"[]," * 1000 + b"[]]") == [[]] * 1001
    refused(b'"' + b'\\"' * 1_000_000, "$", "Unterminated string")
    refused(b'"\\', "$", "not JSON")


def test_documents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "MAX_JSON_BYTES", 10)
    assert parse_json(b'"12345678"') == "12345678"
    refused(b'"123456789"', "$", "document has 11 bytes, more than 10")


@pytest.mark.parametrize(
    "data",
    [
        b' {"a":1}',
        b'{"a":1}\n',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"\\u0061":1}',
        b'"\\u00e9"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\ud83d\\udd11"',
        '{"\ufb33":1,"\U0001f600":2}'.encode(),
    ],
)
def test_one_canonical_form(data: bytes) -> None:
    """RFC 8785: no white space, shortest escapes, members in order of UTF-16 code units."""
    parse_json(data)
    with pytest.raises(JsonError, match="not in canonical form") as caught:
        parse_canonical_json(data)
    assert caught.value.path == "$"


def test_the_example_of_rfc_8785_that_holds_integers() -> None:
    """Section 3.2.3: the sorting example."""
    value: Json = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    names = list(json.loads(canonical_json(value)))
    assert names == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


# Fields


def finish(fields: JsonObject) -> JsonObject:
    fields.finish()
    return fields


READS: Final[dict[str, tuple[Json, Callable[[JsonObject], object], str]]] = {
    "missing": ({}, lambda o: o.text("x"), r"^\$: field 'x' is missing"),
    "read twice": ({"x": "a"}, lambda o: (o.text("x"), o.text("x")), r"^\$: field 'x' is missing"),
    "not text": ({"x": 1}, lambda o: o.text("x"), r"^\$\.x: expected text, found a number"),
    "null": ({"x": None}, lambda o: o.text("x"), "expected text, found null"),
    "empty text": ({"x": ""}, lambda o: o.text("x"), "is empty"),
    "long text": ({"x": "aaa"}, lambda o: o.text("x", max_length=2), "longer than 2 characters"),
    "other constant": ({"x": "b"}, lambda o: o.constant("x", "a"), "expected 'a', found 'b'"),
    "true is no integer": ({"x": True}, lambda o: o.integer("x", minimum=0, maximum=1), "found true/false"),
    "text is no integer": ({"x": "1"}, lambda o: o.integer("x", minimum=0, maximum=1), "found text"),
    "too small": ({"x": -1}, lambda o: o.integer("x", minimum=0, maximum=1), "-1 is not between 0 and 1"),
    "too large": ({"x": 2}, lambda o: o.integer("x", minimum=0, maximum=1), "2 is not between 0 and 1"),
    "decimal too large": (
        {"x": "2"}, lambda o: o.decimal_integer("x", minimum=0, maximum=1), "out of range",
    ),
    "decimal with newline": (
        {"x": "1\n"}, lambda o: o.decimal_integer("x", minimum=0, maximum=1), "canonical decimal text",
    ),
    "capital digits": ({"x": "AB"}, lambda o: o.hex("x", 1), "expected 1 bytes in lower-case"),
    "odd digits": ({"x": "abc"}, lambda o: o.hex("x", 2), "expected 2 bytes in lower-case"),
    "too few digits": ({"x": "ab"}, lambda o: o.hex("x", 2), "expected 2 bytes in lower-case"),
    "newline after digits": ({"x": "ab\n"}, lambda o: o.hex("x", 1), "longer than 2|expected 1 bytes"),
    "blank between digits": ({"x": "ab c"}, lambda o: o.hex("x", 2), "expected 2 bytes in lower-case"),
    "not an array": ({"x": {}}, lambda o: o.array("x", lambda v, p: v, max_items=1), "expected an array"),
    "long array": ({"x": [1, 2]}, lambda o: o.array("x", lambda v, p: v, max_items=1), "2 entries, more than 1"),
    "not an object": ({"x": []}, lambda o: o.object("x"), r"^\$\.x: expected an object, found an array"),
    "optional and wrong": ({"x": 1}, lambda o: o.optional_object("x"), "expected an object, found a number"),
    "unknown": ({"x": 1, "y": 2}, lambda o: [o.raw("x"), finish(o)], r"^\$: unknown field 'y'"),
    "several unknown": ({"b": 1, "a": 2}, finish, "unknown field 'a', 'b'"),
    "in an array": (
        {"x": [{"y": 1}]}, lambda o: o.array("x", lambda v, p: JsonObject(v, p).text("y"), max_items=1),
        r"^\$\.x\[0\]\.y: expected text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", READS)
def test_fields_are_read_by_their_type_and_range(case: str) -> None:
    value, read, reason = READS[case]
    with pytest.raises(JsonError, match=reason):
        read(JsonObject(value))


def test_fields_that_are_as_they_should_be() -> None:
    fields = JsonObject({"t": "", "i": -3, "d": "-12", "h": "00ff", "a": [1, 2], "o": {"x": 1}, "r": None})
    assert fields.text("t", allow_empty=True) == ""
    assert fields.integer("i", minimum=-3, maximum=-3) == -3
    assert fields.decimal_integer("d", minimum=-12, maximum=0) == -12
    assert fields.hex("h", 2) == b"\x00\xff"
    assert fields.array("a", lambda value, path: (value, path), max_items=2) == [(1, "$.a[0]"), (2, "$.a[1]")]
    inner = fields.optional_object("o")
    assert inner is not None
    assert inner.raw("x") == 1
    inner.finish()
    assert fields.has("r")
    assert fields.raw("r") is None
    assert not fields.has("r")
    assert fields.optional_object("absent") is None
    fields.finish()


@pytest.mark.parametrize("value", [None, True, 1, "x", []])
def test_only_objects_have_fields(value: Json) -> None:
    with pytest.raises(JsonError, match=r"^\$\.here: expected an object, found "):
        JsonObject(value, "$.here")
