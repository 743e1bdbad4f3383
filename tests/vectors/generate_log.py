"""Writes tests/vectors/log: checkpoints, proofs and entries of the transparency log to accept, and to refuse.

Everything is derived from fixed seeds: `tests/test_log_vectors.py` compares the files with a fresh run, byte for byte.
Run: ``python tests/vectors/generate_log.py``.

``accepted.json``: `checkpoints` (the note, what the user trusts, the time in seconds since 1970, and what it states),
`inclusions` and `consistencies` (RFC 6962 lists of hashes), `entries` (bytes as text, kind, leaf hash), `histories`
(the entries of a whole log by name, and the conflicts among them).
``rejected.json``: the same with the `check` that fails (for entries: none, they are refused as such) and a part of its
`detail`.

``published.json`` holds the examples that the formats publish, with their sources, and is not generated.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
DIRECTORY: Final = HERE / "log"
if str(HERE.parent) not in sys.path:
    sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]

from log_support import (  # noqa: E402
    ALICE,
    BOB,
    LOG_SIGNER,
    NOW,
    ORIGIN,
    WITNESSES,
    attestation,
    audit_path,
    consistency_path,
    entries,
    seed,
    signed_checkpoint,
    tree_hash,
)

from primitives.log_entry import LogEntry  # noqa: E402
from primitives.log_tree import leaf_hash  # noqa: E402
from primitives.signed_note import KeyType, NoteSigner, SignedNote  # noqa: E402
from verifier.log_history import LogHistory  # noqa: E402

Vector = dict[str, Any]

DATA: Final = entries(13)
LEAVES: Final = [leaf_hash(each) for each in DATA]
KEYS: Final = [witness.verifier_key.to_text() for witness in WITNESSES]
ENTRIES: Final[dict[str, LogEntry]] = {
    "attestation": attestation(1),
    "another book for the same time": attestation(2, day=1),
    "the same book with other files": attestation(3, day=1, book=1),
    "by the key that follows": attestation(4, day=1, key=BOB),
    "revocation": ALICE.revoke(attestation(1)),
    "revocation by another key": BOB.revoke(attestation(1)),
    "key rotation": ALICE.rotate(BOB),
}
HISTORIES: Final = (
    ("one book", ["attestation", "the same book with other files"]),
    ("two books", ["attestation", "another book for the same time"]),
    ("taken back, then another book", ["attestation", "revocation", "another book for the same time"]),
    (
        "taken back by a stranger",
        ["attestation", "revocation by another key", "another book for the same time"],
    ),
    ("two books over a change of key", ["attestation", "key rotation", "by the key that follows"]),
    ("signed with a given-up key", ["key rotation", "attestation"]),
)


def checkpoint(name: str, note: bytes, *, threshold: int = 0, witnesses: int = 3, **more: Any) -> Vector:
    return {
        "name": name,
        "note": note.decode("utf-8"),
        "log_key": LOG_SIGNER.verifier_key.to_text(),
        "origin": ORIGIN,
        "witness_keys": KEYS[:witnesses],
        "threshold": threshold,
        "now": NOW,
        **more,
    }


def states(size: int, cosigners: int = 0) -> Vector:
    """What an accepted checkpoint says."""
    return {
        "size": size,
        "root": tree_hash(LEAVES[:size]).hex(),
        "cosigned_by": [witness.verifier_key.name for witness in WITNESSES[:cosigners]],
    }


def with_stranger(note: bytes) -> bytes:
    parsed = SignedNote.parse(note)
    stranger = NoteSigner.from_seed(ORIGIN, KeyType.ED25519, seed("stranger"))
    return parsed.with_signatures([stranger.sign(parsed.text)]).to_bytes()


def accepted_checkpoints() -> list[Vector]:
    return [
        checkpoint("empty log", signed_checkpoint([]), **states(0)),
        checkpoint("signed by the log alone", signed_checkpoint(DATA[:5]), **states(5)),
        checkpoint(
            "two of three witnesses", signed_checkpoint(DATA, cosigners=2), threshold=2, **states(13, 2)
        ),
        checkpoint("a line by an unknown key", with_stranger(signed_checkpoint(DATA[:5])), **states(5)),
    ]


def rejected_checkpoints() -> list[Vector]:
    note = signed_checkpoint(DATA[:5], cosigners=2)
    other = NoteSigner.from_seed(ORIGIN, KeyType.ED25519, seed("stranger"))

    def refused(name: str, data: bytes, check: str, detail: str, threshold: int = 0) -> Vector:
        return checkpoint(name, data, threshold=threshold, check=check, detail=detail)

    return [
        refused("no signature", note.split(b"\n\n")[0] + b"\n", "L1-checkpoint", "no empty line"),
        refused("leading zero", note.replace(b"\n5\n", b"\n05\n"), "L1-checkpoint", "leading zeros"),
        refused("carriage returns", note.replace(b"\n5\n", b"\r\n5\n"), "L1-checkpoint", "control character"),
        refused("two lines", note.replace(b"\n5\n", b"\n"), "L1-checkpoint", "2 lines"),
        refused("another origin", signed_checkpoint(DATA[:5], origin="x"), "L2-origin", "is of 'x'"),
        refused("another key", signed_checkpoint(DATA[:5], signer=other), "L3-log-signature", "did not sign"),
        refused("another size", note.replace(b"\n5\n", b"\n6\n"), "L3-log-signature", "does not hold"),
        refused("too few witnesses", note, "L4-witnesses", "2 of your 3", threshold=3),
        refused(
            "cosigned in the future",
            signed_checkpoint(DATA[:5], cosigners=1, at=NOW + 601),
            "L4-witnesses",
            "in the future",
        ),
    ]


def inclusion(index: int, size: int, **more: Any) -> Vector:
    return {
        "entry": DATA[index].decode("utf-8"),
        "index": index,
        "size": size,
        "root": tree_hash(LEAVES[:size]).hex(),
        "hashes": [each.hex() for each in audit_path(index, LEAVES[:size])],
        **more,
    }


def consistency(first: int, second: int, **more: Any) -> Vector:
    return {
        "first": first,
        "first_root": tree_hash(LEAVES[:first]).hex(),
        "second": second,
        "second_root": tree_hash(LEAVES[:second]).hex(),
        "hashes": [each.hex() for each in consistency_path(first, LEAVES[:second])] if first else [],
        **more,
    }


def rejected_proofs() -> dict[str, list[Vector]]:
    path = [each.hex() for each in audit_path(3, LEAVES[:13])]
    proof = [each.hex() for each in consistency_path(6, LEAVES[:13])]
    root = tree_hash(LEAVES[:6]).hex()
    no_root = {"check": "L5-inclusion", "detail": "do not lead"}
    return {
        "inclusions": [
            inclusion(
                3, 13, name="a hash too few", hashes=path[:-1], check="L5-inclusion", detail="fewer hashes"
            ),
            inclusion(
                3,
                13,
                name="a hash too many",
                hashes=[*path, path[0]],
                check="L5-inclusion",
                detail="more hashes",
            ),
            inclusion(3, 13, name="hashes exchanged", hashes=path[::-1], **no_root),
            {**inclusion(3, 13, name="another index", **no_root), "index": 2},
            {**inclusion(3, 13, name="another entry", **no_root), "entry": DATA[4].decode()},
            {
                **inclusion(3, 13, name="beyond the end", check="L5-inclusion", detail="not among"),
                "index": 13,
            },
        ],
        "consistencies": [
            consistency(
                6, 13, name="no proof", hashes=[], check="L6-consistency", detail="there is no proof"
            ),
            consistency(
                6, 13, name="a hash too few", hashes=proof[:-1], check="L6-consistency", detail="fewer hashes"
            ),
            consistency(
                6, 13, name="another past", first_root="00" * 32, check="L6-consistency", detail="earlier log"
            ),
            consistency(
                6, 13, name="another present", second_root=root, check="L6-consistency", detail="later log"
            ),
            consistency(
                6,
                6,
                name="one size, two roots",
                second_root="00" * 32,
                check="L6-consistency",
                detail="different",
            ),
            {
                **consistency(6, 13, name="smaller", check="L7-rollback", detail="5 entries, it had 6"),
                "second": 5,
            },
        ],
    }


def rejected_entries() -> list[Vector]:
    revocation, rotation = ALICE.revoke(attestation(1)), ALICE.rotate(BOB)
    cases = (
        ("not canonical", attestation(1).to_bytes() + b"\n", "not in canonical form"),
        ("unknown field", attestation(1).to_bytes().replace(b'"kind"', b'"kine"'), "'kind' is missing"),
        (
            "key of small order",
            replace(attestation(1), issuer_key=b"\x01" + bytes(31)).to_bytes(),
            "small order",
        ),
        ("another reason", replace(revocation, reason="another").to_bytes(), "not signed as it says"),
        (
            "revoked by a key that did not sign",
            replace(revocation, issuer_key=BOB.public).to_bytes(),
            "not signed",
        ),
        (
            "one signature twice",
            replace(rotation, new_signature=rotation.old_signature).to_bytes(),
            "not signed",
        ),
        ("to the same key", replace(rotation, new_key=rotation.old_key).to_bytes(), "is the old key"),
    )
    return [{"name": name, "entry": data.decode(), "detail": detail} for name, data, detail in cases]


def history(name: str, names: list[str]) -> Vector:
    folded = LogHistory()
    for index, each in enumerate(names):
        folded.add(index, ENTRIES[each])
    conflicts = [{"check": each.check.value, "entries": list(each.indexes)} for each in folded.conflicts()]
    return {"name": name, "entries": names, "conflicts": conflicts}


def accepted() -> Vector:
    return {
        "checkpoints": accepted_checkpoints(),
        "inclusions": [
            inclusion(index, size) for size in (1, 2, 7, 8, 13) for index in sorted({0, size // 2, size - 1})
        ],
        "consistencies": [
            consistency(*each)
            for each in ((0, 5), (1, 2), (3, 7), (4, 8), (6, 8), (8, 13), (12, 13), (13, 13))
        ],
        "entries": [
            {
                "name": name,
                "kind": entry.kind,
                "entry": entry.to_bytes().decode("utf-8"),
                "leaf_hash": leaf_hash(entry.to_bytes()).hex(),
            }
            for name, entry in ENTRIES.items()
        ],
        "histories": [history(name, names) for name, names in HISTORIES],
    }


def rejected() -> Vector:
    return {"checkpoints": rejected_checkpoints(), **rejected_proofs(), "entries": rejected_entries()}


def files() -> dict[str, str]:
    """Names and contents of the files."""
    made = {"accepted.json": accepted(), "rejected.json": rejected()}
    return {name: json.dumps(each, indent=1, ensure_ascii=False) + "\n" for name, each in made.items()}


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in files().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
