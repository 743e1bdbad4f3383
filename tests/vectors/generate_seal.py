"""Makes tests/vectors/seal/*.json: one small book from its secrets to its openings, and ways to break it.

    python tests/vectors/generate_seal.py

Everything is computed here from docs/protocol.md over the vector interface alone, not by the code that seals:
that this code gives the same bytes is what a test shows. All secrets are fixed; never use them.
"""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Final

from Crypto.Hash import KMAC256
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

sys.path.insert(0, str(Path(__file__).parents[2]))

from primitives.backend import Backend, PointVector
from primitives.backends import get_backend
from primitives.parameters import FIELD_CHARACTERISTIC, GROUP_ORDER
from primitives.strict_json import canonical_json

Record = dict[str, Any]

TARGET: Final = Path(__file__).parent / "seal"
DOMAIN: Final = b"SEALEDBOOK-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
EPOCH_KEY: Final = bytes(range(32))
ISSUER_SEED: Final = bytes(range(32, 64))
OTHER_SEED: Final = bytes(range(64, 96))
ISSUER: Final = "Example Exchange"
AS_OF: Final = "2026-01-31T00:00:00Z"
ASSETS: Final = [("BTC", 8), ("ETH", 18), ("\u20acUR", 2)]
ACCOUNTS: Final[list[tuple[str, list[tuple[int, int]]]]] = [
    ("Jos\u00e9", [(1, 7 * 10**18 + 3)]),
    ("alice", [(0, 150_000_000), (2, 2_500_075)]),
    ("bob", [(0, 150_000_000), (2, 2_500_075)]),
    ("carol", []),
    ("dave", [(0, -(2**63) + 1), (1, 2**63 - 1)]),
]
"""In the order of the book: by the UTF-8 bytes of the ids. Entries are (asset index, base units)."""
DOCUMENTS: Final = {"market.json": b'{"BTC":"97000"}', "model.json": b'{"cut":"2/100"}'}
LEAVES: Final = 8
IDENTITY: Final = "c0" + "00" * 47
ORDER_THREE: Final = "80" + "00" * 47
OFF_CURVE: Final = "80" + "00" * 46 + "01"
TOO_LARGE: Final = f"{FIELD_CHARACTERISTIC | 1 << 383:096x}"


def expand(purpose: bytes, index: int, size: int) -> bytes:
    """Element `index` of a purpose (protocol.md, section 8)."""
    block, place = divmod(index, 1024)
    mac = KMAC256.new(
        key=EPOCH_KEY,
        data=purpose + b"\x00" + block.to_bytes(8, "big"),
        mac_len=1024 * size,
        custom=b"sealedbook/v1/prf",
    )
    data: bytes = mac.digest()
    return data[place * size : (place + 1) * size]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def private_key(seed: bytes) -> ECC.EccKey:
    # The stubs of pycryptodome give the seed another type than its code and documentation do.
    return ECC.construct(curve="Ed25519", seed=seed)  # type: ignore[arg-type]


def sign(seed: bytes, attestation: bytes) -> str:
    signature = eddsa.new(private_key(seed), "rfc8032").sign(
        b"sealedbook/v1/attestation-signature\x00" + attestation
    )
    return str(signature.hex()) + "\n"


def public_key(seed: bytes) -> str:
    raw: bytes = private_key(seed).public_key().export_key(format="raw")
    return raw.hex()


class Sealing:
    """The book, sealed by the protocol's text."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        labels = [b"asset\x00" + bytes([decimals]) + name.encode() for name, decimals in ASSETS]
        self.generators = backend.hash_to_curve([*labels, b"blinding"], DOMAIN)
        order = sorted(range(LEAVES), key=lambda leaf: expand(b"leaf-order", leaf, 8))
        self.leaf_of = {account: order[place] for place, (account, _) in enumerate(ACCOUNTS)}
        entries = {self.leaf_of[account]: positions for account, positions in ACCOUNTS}
        ids = {leaf: account for account, leaf in self.leaf_of.items()}
        self.salts = [expand(b"leaf-salt", leaf, 32) for leaf in range(LEAVES)]
        self.blindings = [
            int.from_bytes(expand(b"leaf-blinding", leaf, 64), "big") % GROUP_ORDER for leaf in range(LEAVES)
        ]
        self.tags = [
            sha256(b"sealedbook/v1/account-tag\x00" + self.salts[leaf] + ids.get(leaf, "").encode())
            for leaf in range(LEAVES)
        ]
        self.commitments = self._commit(entries.get(0, []), self.blindings[0])
        for leaf in range(1, LEAVES):
            self.commitments = self.commitments.concat(
                self._commit(entries.get(leaf, []), self.blindings[leaf])
            )
        self.leaves = [
            tag + point.to_compressed() for tag, point in zip(self.tags, self._singles(LEAVES), strict=True)
        ]
        self.levels = self.tree(LEAVES)

    def _commit(self, positions: list[tuple[int, int]], blinding: int) -> PointVector:
        scalars = [0] * len(ASSETS) + [blinding]
        for asset, amount in positions:
            scalars[asset] = amount
        return self.backend.multi_scalar_multiply(self.generators, self.backend.scalars_from_ints(scalars))

    def _singles(self, count: int) -> list[PointVector]:
        return [self.commitments.slice(leaf, leaf + 1) for leaf in range(count)]

    def tree(self, count: int) -> list[list[Record]]:
        """All levels over the first `count` leaves, leaves first."""
        sums = self._singles(count)
        hashes = [sha256(b"\x00" + self.leaves[leaf]) for leaf in range(count)]
        levels = [_nodes(hashes, sums)]
        while len(sums) > 1:
            encoded = [point.to_compressed() for point in sums]
            hashes = [
                sha256(b"\x01" + hashes[i] + encoded[i] + hashes[i + 1] + encoded[i + 1])
                for i in range(0, len(sums), 2)
            ]
            sums = [sums[i].add(sums[i + 1]) for i in range(0, len(sums), 2)]
            levels.append(_nodes(hashes, sums))
        return levels

    def book(self) -> Record:
        return {
            "format": "sealedbook/sealed-book/v1",
            "issuer": {"name": ISSUER, "public_key": public_key(ISSUER_SEED)},
            "as_of": AS_OF,
            "assets": [{"id": name, "decimals": decimals} for name, decimals in ASSETS],
            "leaves": {"count": LEAVES, "sha256": sha256(b"".join(self.leaves)).hex()},
            "root": self.levels[-1][0],
        }

    def attestation(self) -> Record:
        files = {"leaves.bin": b"".join(self.leaves), **DOCUMENTS}
        return {
            "format": "sealedbook/attestation/v1",
            "book": self.book(),
            "claims": [],
            "files": [
                {"name": name, "bytes": len(data), "sha256": sha256(data).hex()}
                for name, data in sorted(files.items())
            ],
        }

    def opening(self, account: str) -> Record:
        leaf = self.leaf_of[account]
        positions = dict(ACCOUNTS)[account]
        return {
            "format": "sealedbook/opening/v1",
            "book": self.book(),
            "account": account,
            "positions": [
                {"asset": ASSETS[asset][0], "decimals": ASSETS[asset][1], "amount": str(amount)}
                for asset, amount in positions
            ],
            "blinding": f"{self.blindings[leaf]:064x}",
            "salt": self.salts[leaf].hex(),
            "leaf": {
                "index": leaf,
                "tag": self.tags[leaf].hex(),
                "commitment": self.leaves[leaf][32:].hex(),
            },
            "path": [self.levels[level][(leaf >> level) ^ 1] for level in range(len(self.levels) - 1)],
        }


def _nodes(hashes: list[bytes], sums: list[PointVector]) -> list[Record]:
    return [
        {"hash": digest.hex(), "sum": point.to_compressed().hex()}
        for digest, point in zip(hashes, sums, strict=True)
    ]


# The files


def vectors(backend: Backend) -> dict[str, Record]:
    """The files, by name."""
    sealing = Sealing(backend)
    return {
        "values.json": values(sealing),
        "bundle.json": bundles(sealing),
        "opening.json": openings(sealing),
    }


def values(sealing: Sealing) -> Record:
    """Generators, secrets, tags, commitments, trees, digests."""
    backend = sealing.backend
    labels = {
        "asset BTC, 8 decimals": b"asset\x00\x08BTC",
        "asset BTC, 7 decimals": b"asset\x00\x07BTC",
        "asset ETH, 18 decimals": b"asset\x00\x12ETH",
        "asset \u20acUR, 2 decimals": b"asset\x00\x02" + "\u20acUR".encode(),
        "blinding": b"blinding",
        "bit column 0": b"bit-column\x00\x00\x00\x00\x00",
        "bit column 4095": b"bit-column\x00\x00\x00\x0f\xff",
        "mask 0": b"mask\x00\x00\x00\x00\x00",
        "mask 258": b"mask\x00\x00\x00\x01\x02",
        "linear form": b"linear-form",
    }
    points = backend.hash_to_curve(list(labels.values()), DOMAIN).to_compressed()
    book = canonical_json(sealing.book())
    return {
        "domain": DOMAIN.decode(),
        "generators": [
            {"for": name, "label": label.hex(), "point": points[48 * i : 48 * i + 48].hex()}
            for i, (name, label) in enumerate(labels.items())
        ],
        "epoch_key": EPOCH_KEY.hex(),
        "leaf_order": [sealing.leaf_of[account] for account, _ in ACCOUNTS],
        "leaves": [
            {
                "account": next((a for a, leaf in sealing.leaf_of.items() if leaf == index), ""),
                "salt": sealing.salts[index].hex(),
                "blinding": f"{sealing.blindings[index]:064x}",
                "tag": sealing.tags[index].hex(),
                "commitment": sealing.leaves[index][32:].hex(),
            }
            for index in range(LEAVES)
        ],
        "accounts": [
            {
                "account": account,
                "positions": [[ASSETS[asset][0], str(amount)] for asset, amount in positions],
            }
            for account, positions in ACCOUNTS
        ],
        "trees": [{"leaves": count, "levels": sealing.tree(count)} for count in (1, 2, 4, 8)],
        "book": book.decode(),
        "book_digest": sha256(b"sealedbook/v1/book-digest\x00" + book).hex(),
        "issuer_seed": ISSUER_SEED.hex(),
        "issuer_key": public_key(ISSUER_SEED),
    }


def bundles(sealing: Sealing) -> Record:
    """A bundle, and what to put in place of its files so that a check fails (null: remove the file)."""
    honest = sealing.attestation()
    data = canonical_json(honest)
    files = {
        "attestation.json": data.decode(),
        "attestation.sig": sign(ISSUER_SEED, data),
        **{name: document.decode() for name, document in DOCUMENTS.items()},
    }
    other = sealing.commitments.slice(0, 1).negate().to_compressed().hex()
    negated_sum = (
        sealing.backend.points_from_compressed(bytes.fromhex(honest["book"]["root"]["sum"]))
        .negate()
        .to_compressed()
        .hex()
    )
    first, last = sealing.leaves[0].hex(), sealing.leaves[-1].hex()

    def edited(check: str, comment: str, edit: Any, *, seed: bytes = ISSUER_SEED) -> Record:
        document = copy.deepcopy(honest)
        edit(document)
        text = canonical_json(document)
        replaced = {"attestation.json": text.decode(), "attestation.sig": sign(seed, text)}
        return {"check": check, "comment": comment, "replace": replaced}

    def forged(check: str, comment: str, leaves: dict[int, str]) -> Record:
        """Leaves replaced, digests made to fit, signed by the issuer."""
        records = [leaves.get(i, leaf.hex()) for i, leaf in enumerate(sealing.leaves)]
        digest = sha256(bytes.fromhex("".join(records))).hex()

        def edit(document: Record) -> None:
            document["book"]["leaves"]["sha256"] = document["files"][0]["sha256"] = digest

        record = edited(check, comment, edit)
        return {**record, "leaves": {str(index): leaf for index, leaf in leaves.items()}}

    def put(*path: Any, value: Any) -> Any:
        def edit(document: Record) -> None:
            place: Any = document
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value

        return edit

    root = ("book", "root")
    cases = [
        {"check": "B1-files", "comment": "no signature", "replace": {"attestation.sig": None}},
        {
            "check": "B2-attestation",
            "comment": "not canonical: a newline at the end, and signed so",
            "replace": {
                "attestation.json": data.decode() + "\n",
                "attestation.sig": sign(ISSUER_SEED, data + b"\n"),
            },
        },
        edited("B2-attestation", "three leaves", put("book", "leaves", "count", value=3)),
        edited("B2-attestation", "files out of order", lambda document: document["files"].reverse()),
        edited("B2-attestation", "an asset twice", put("book", "assets", 1, "id", value="BTC")),
        edited("B2-attestation", "a time that is none", put("book", "as_of", value="2026-02-30T00:00:00Z")),
        {
            **edited("B3-issuer", "a key of the attacker's own", put(
                "book", "issuer", "public_key", value=public_key(OTHER_SEED)), seed=OTHER_SEED),
            "issuer_key": public_key(ISSUER_SEED),
        },
        edited("B4-signature", "signed by another key", lambda document: None, seed=OTHER_SEED),
        {
            "check": "B4-signature",
            "comment": "a key of small order, under which this signature holds for every message",
            "replace": {
                **edited("", "", put("book", "issuer", "public_key", value="01" + "00" * 31))["replace"],
                "attestation.sig": "01" + "00" * 63 + "\n",
            },
        },
        {"check": "B5-listing", "comment": "a file missing", "replace": {"market.json": None}},
        {"check": "B5-listing", "comment": "a file more", "replace": {"more.json": "{}"}},
        {"check": "B6-digests", "comment": "another length", "replace": {"market.json": "{}"}},
        {
            "check": "B6-digests",
            "comment": "two files of one length swapped",
            "replace": {"market.json": files["model.json"], "model.json": files["market.json"]},
        },
        edited("B7-leaves", "twice as many leaves as there are", put("book", "leaves", "count", value=16)),
        forged("B7-leaves", "x off the curve", {5: first[:64] + OFF_CURVE}),
        forged("B7-leaves", "x not below p", {5: first[:64] + TOO_LARGE}),
        forged("B7-leaves", "an identity leaf", {7: last[:64] + IDENTITY}),
        forged("B7-leaves", "two leaves that cancel", {1: sealing.leaves[1].hex()[:64] + other}),
        forged("B8-root-hash", "two leaves swapped", {0: last, 7: first}),
        edited("B8-root-hash", "another root hash", put(*root, "hash", value="00" * 32)),
        edited("B9-root-sum", "the root sum negated", put(*root, "sum", value=negated_sum)),
    ]  # fmt: skip
    # One tag twice: the root is made to fit as well, so that nothing else is wrong.
    twin = Sealing(sealing.backend)
    twin.leaves[7] = twin.leaves[0][:32] + twin.leaves[7][32:]
    twin_root = twin.tree(LEAVES)[-1][0]
    twin_digest = sha256(b"".join(twin.leaves)).hex()

    def share_tag(document: Record) -> None:
        document["book"]["leaves"]["sha256"] = document["files"][0]["sha256"] = twin_digest
        document["book"]["root"] = twin_root

    record = edited("B7-leaves", "two leaves with one tag", share_tag)
    cases.append({**record, "leaves": {"7": twin.leaves[7].hex()}})
    return {
        "accepted": {
            "issuer_key": public_key(ISSUER_SEED),
            "files": files,
            "leaves.bin": b"".join(sealing.leaves).hex(),
        },
        "rejected": cases,
    }


def openings(sealing: Sealing) -> Record:
    """Openings that their holders accept, and changes of them that fail a check.

    A change is ``[path, value]``; `typed` is what the holder types, `against` what they trust.
    """
    alice, bob = sealing.opening("alice"), sealing.opening("bob")
    backend = sealing.backend
    root_sum = alice["book"]["root"]["sum"]

    def moved(encoded: str, offset: str) -> str:
        first, second = (backend.points_from_compressed(bytes.fromhex(item)) for item in (encoded, offset))
        return first.add(second).to_compressed().hex()

    def case(
        check: str, comment: str, *changes: Any, typed: str = "alice", against: str = "bundle"
    ) -> Record:
        return {
            "check": check,
            "comment": comment,
            "changes": [list(change) for change in changes],
            "typed": typed,
            "against": against,
        }

    blinding = int(alice["blinding"], 16)
    first, second = alice["positions"]
    sibling = alice["path"][0]
    leaf = sealing.leaf_of["alice"]
    cancelling = sealing.commitments.slice(leaf, leaf + 1).negate().to_compressed().hex()
    return {
        "book_digest": sha256(b"sealedbook/v1/book-digest\x00" + canonical_json(sealing.book())).hex(),
        "root_hash": alice["book"]["root"]["hash"],
        "accepted": [
            {"typed": typed, "opening": sealing.opening(account)}
            for account, typed in (
                ("alice", " alice\t"), ("carol", "carol"), ("dave", "dave"), ("Jos\u00e9", "Jose\u0301"),
            )
        ],
        "rejected": [
            case("O1-form", "unknown field", (["extra"], 1)),
            case("O1-form", "blinding + r", (["blinding"], f"{blinding + GROUP_ORDER:064x}")),
            case("O1-form", "a zero amount", (["positions", 0, "amount"], "0")),
            case("O1-form", "an amount of 2^63", (["positions", 0, "amount"], str(2**63))),
            case("O1-form", "an amount with a plus sign", (["positions", 0, "amount"], "+5")),
            case("O1-form", "an amount as a number", (["positions", 0, "amount"], 5)),
            case("O2-account", "another account", typed="bob"),
            case("O2-account", "capitals count", typed="Alice"),
            case("O2-account", "no account id", typed=""),
            case("O3-root", "another issuer", (["book", "issuer", "name"], "Somebody Else")),
            case("O3-root", "another issuer", (["book", "issuer", "name"], "Somebody Else"), against="digest"),
            case("O3-root", "another root", (["book", "root", "hash"], "00" * 32), against="root"),
            case(
                "O4-tag", "bob's opening under alice's name: one leaf for two holders of equal balances",
                *(([key], bob[key]) for key in ("positions", "blinding", "salt", "leaf", "path")),
            ),
            case("O4-tag", "another salt", (["salt"], bob["salt"])),
            case("O5-positions", "other decimals", (["positions", 0, "decimals"], 7)),
            case("O5-positions", "an asset of no list", (["positions", 0, "asset"], "XBT")),
            case("O5-positions", "out of order", (["positions"], [second, first])),
            case("O5-positions", "an asset twice", (["positions"], [first, first])),
            case("O6-commitment", "one base unit less", (["positions", 0, "amount"], "149999999")),
            case("O6-commitment", "a position left out", (["positions"], [first])),
            case("O6-commitment", "another blinding", (["blinding"], f"{blinding ^ 1:064x}")),
            case("O6-commitment", "the other sign of the blinding", (
                ["blinding"], f"{GROUP_ORDER - blinding:064x}")),
            case("O6-commitment", "a point of order 3 added", (
                ["leaf", "commitment"], moved(alice["leaf"]["commitment"], ORDER_THREE))),
            case("O6-commitment", "nothing committed, nothing blinded", (["positions"], []), (
                ["blinding"], "00" * 32), (["leaf", "commitment"], IDENTITY)),
            case(
                "O6-commitment", "other decimals in book and position", (["positions", 0, "decimals"], 7),
                (["book", "assets", 0, "decimals"], 7), against="root",
            ),
            case("O7-leaf", "another index", (["leaf", "index"], bob["leaf"]["index"])),
            case("O7-leaf", "beyond the last leaf", (["leaf", "index"], 8 + leaf)),
            case("O8-path", "beyond the last leaf", (["leaf", "index"], 8 + leaf), against="root"),
            case("O8-path", "shorter", (["path"], alice["path"][:-1])),
            case("O8-path", "longer", (["path"], [*alice["path"], sibling])),
            case("O8-path", "a sibling off the curve", (["path", 1, "sum"], OFF_CURVE)),
            case("O8-path", "an identity sibling", (["path", 0, "sum"], IDENTITY)),
            case("O8-path", "a sibling that cancels", (["path", 0, "sum"], cancelling)),
            case("O9-root-hash", "another sibling hash", (["path", 2, "hash"], "00" * 32)),
            case("O9-root-hash", "a point of order 3 added", (
                ["path", 1, "sum"], moved(alice["path"][1]["sum"], ORDER_THREE))),
            case("O9-root-hash", "two siblings swapped", (["path"], [*alice["path"][1::-1], alice["path"][2]])),
            case("O9-root-hash", "another index", (["leaf", "index"], leaf ^ 1), against="root"),
            case("O10-root-sum", "another sum beside the trusted hash", (
                ["book", "root", "sum"], moved(root_sum, root_sum)), against="root"),
            case("O10-root-sum", "a point of order 3 added beside the trusted hash", (
                ["book", "root", "sum"], moved(root_sum, ORDER_THREE)), against="root"),
        ],
    }  # fmt: skip


def serialize(record: Record) -> str:
    """The text of a file."""
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files."""
    TARGET.mkdir(exist_ok=True)
    for name, record in vectors(get_backend()).items():
        (TARGET / name).write_text(serialize(record), encoding="utf-8")


if __name__ == "__main__":
    main()
