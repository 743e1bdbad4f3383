"""Asset lists and account ids: what is accepted, and the reason for everything that is not."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.account_id import AccountIdError, canonical_account_id, typed_account_id
from primitives.assets import Asset, AssetList, AssetListError, parse_assets_json
from primitives.strict_json import JsonError
from prover.book import ImportOptionsError, load_assets


def test_an_asset_list_keeps_order_and_finds_columns() -> None:
    assets = AssetList.of([("USDT", 6), ("BTC", 8), ("币安", 0)])
    assert assets.ids == ("USDT", "BTC", "币安")
    assert [assets.index(asset.id) for asset in assets] == [0, 1, 2]
    assert assets[1] == Asset("BTC", 8)
    assert "BTC" in assets
    assert "ETH" not in assets
    assert AssetList.parse(assets.to_json(), "$") == assets


@pytest.mark.parametrize(
    ("asset_id", "decimals", "reason"),
    [
        ("", 8, "id is empty"),
        (" BTC", 8, "white space at an end"),
        ("BTC\u00a0", 8, "cannot be printed"),
        ("B\nTC", 8, "cannot be printed"),
        ("B" * 65, 8, "longer than 64 bytes"),
        ("é" * 33, 8, "longer than 64 bytes"),
        ("e\u0301", 8, "Normalization Form C"),
        ("\ud800", 8, "cannot be printed"),
        (7, 8, "id is not text"),
        ("BTC", -1, "decimals is not an integer from 0 to 18"),
        ("BTC", 19, "decimals is not an integer from 0 to 18"),
        ("BTC", True, "decimals is not an integer from 0 to 18"),
        ("BTC", 8.0, "decimals is not an integer from 0 to 18"),
    ],
)
def test_asset_rules(asset_id: str, decimals: int, reason: str) -> None:
    with pytest.raises(AssetListError, match=reason):
        Asset(asset_id, decimals)


def test_limits_of_ids_and_decimals_are_inclusive() -> None:
    assert AssetList.of([("B" * 64, 18), ("é" * 32, 0)]).ids == ("B" * 64, "é" * 32)


def test_list_rules() -> None:
    with pytest.raises(AssetListError, match="0 assets"):
        AssetList(())
    with pytest.raises(AssetListError, match="asset 2: id 'BTC' is already asset 0"):
        AssetList.of([("BTC", 8), ("ETH", 8), ("BTC", 6)])
    with pytest.raises(AssetListError, match="more than 65536"):
        AssetList.of((f"A{number}", 0) for number in range(65_537))
    with pytest.raises(AssetListError, match="65537 assets"):
        AssetList(tuple(Asset(f"A{number}", 0) for number in range(65_537)))
    with pytest.raises(AssetListError, match="asset 1: id is empty"):
        AssetList.of([("BTC", 8), ("", 8)])
    with pytest.raises(AssetListError, match="no asset 'ETH'"):
        AssetList.of([("BTC", 8)]).index("ETH")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{}", "field 'format' is missing"),
        ('{"format":"sealedbook/assets/v2","assets":[]}', "expected 'sealedbook/assets/v1'"),
        ('{"format":"sealedbook/assets/v1","assets":[],"more":1}', "0 assets"),
        ('{"format":"sealedbook/assets/v1","assets":{}}', "expected an array"),
        ('{"format":"sealedbook/assets/v1","assets":[{"id":"BTC"}]}', r"assets\[0\]: field 'decimals'"),
        ('{"format":"sealedbook/assets/v1","assets":[{"id":"BTC","decimals":8,"x":1}]}', "unknown field 'x'"),
        ('{"format":"sealedbook/assets/v1","assets":[{"id":"BTC","decimals":19}]}', "not between 0 and 18"),
        ('{"format":"sealedbook/assets/v1","assets":[{"id":"B ","decimals":1}]}', "white space at an end"),
        (
            '{"format":"sealedbook/assets/v1","assets":[{"id":"B","decimals":1},{"id":"B","decimals":2}]}',
            "asset 1: id 'B' is already asset 0",
        ),
        (
            '{"format":"sealedbook/assets/v1","assets":[{"id":"B","decimals":1}],"more":1}',
            "unknown field 'more'",
        ),
    ],
)
def test_json_rules(document: str, reason: str) -> None:
    with pytest.raises(JsonError, match=reason):
        parse_assets_json(document.encode())


def test_a_list_is_read_from_json_and_csv(tmp_path: Path) -> None:
    expected = AssetList.of([("BTC", 8), ("ETH", 18)])
    as_json, as_csv = tmp_path / "assets.json", tmp_path / "assets.csv"
    as_json.write_text(json.dumps({"format": "sealedbook/assets/v1", "assets": expected.to_json()}))
    as_csv.write_bytes(b'\xef\xbb\xbfid,decimals\r\nBTC,8\r\n"ETH",18\r\n')
    assert load_assets(as_json) == load_assets(as_csv) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not the header id,decimals"),
        (b"asset,decimals\nBTC,8\n", "not the header id,decimals"),
        (b"id,decimals\nBTC\n", "asset 0: 1 fields"),
        (b"id,decimals\nBTC,8\nETH,eight\n", "asset 1: decimals 'eight'"),
        (b"id,decimals\nBTC,08\n", "decimals '08'"),
        (b"id,decimals\nBTC,19\n", "asset 0: decimals is not an integer from 0 to 18"),
        (b'id,decimals\n"BTC"x,8\n', "not CSV"),
        (b"id,decimals\nB\xffC,8\n", "not UTF-8 at byte 13"),
        (b"id,decimals\n", "0 assets"),
    ],
)
def test_csv_rules(tmp_path: Path, text: bytes, reason: str) -> None:
    path = tmp_path / "assets.csv"
    path.write_bytes(text)
    with pytest.raises(ImportOptionsError, match=reason):
        load_assets(path)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportOptionsError, match=r"nowhere\.json: No such file"):
        load_assets(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("al\x00ice", "U\\+0000"),
        ("alice\x7f", "U\\+007F"),
        ("alice\u0085", "U\\+0085"),
        ("a\u2028b", "U\\+2028"),
        ("a\udcffb", "U\\+DCFF"),
        (" alice", "white space at an end"),
        ("alice\u3000", "white space at an end"),
        ("e\u0301", "Normalization Form C"),
        ("a" * 257, "257 bytes"),
        ("é" * 129, "258 bytes"),
    ],
)
def test_ids_that_are_not_canonical(text: str, reason: str) -> None:
    with pytest.raises(AccountIdError, match=reason):
        canonical_account_id(text)


def test_the_reason_does_not_repeat_the_id() -> None:
    with pytest.raises(AccountIdError) as caught:
        canonical_account_id("secret.holder@example.com ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["a", "a" * 256, "é" * 128, "Ünï cödé", "0x00", 'quo"te, comma', "\ufeffid"])
def test_ids_that_are_canonical(text: str) -> None:
    assert canonical_account_id(text) == text


def test_what_is_typed_is_normalised_but_not_repaired() -> None:
    assert typed_account_id("  Cafe\u0301 \n") == "Café"
    with pytest.raises(AccountIdError, match=r"U\+0007"):
        typed_account_id("be\x07ll")
    with pytest.raises(AccountIdError, match="empty"):
        typed_account_id(" \t ")


@given(st.text(max_size=40))
def test_canonical_ids_are_exactly_the_fixed_points(text: str) -> None:
    try:
        canonical = canonical_account_id(text)
    except AccountIdError:
        return
    assert canonical == text == unicodedata.normalize("NFC", text).strip()
    assert 1 <= len(text.encode()) <= 256
    assert typed_account_id(f" {text}\n") == text
