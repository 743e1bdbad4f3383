"""Attempts with what a holder is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from primitives.opening import Opening
from primitives.strict_json import canonical_json
from prover.secret_file import write_private
from sealedbook.demo.cheating.attempt import Attempt
from sealedbook.demo.cheating.judges import as_holder_of_shown_opening
from sealedbook.demo.scene import Scene
from verifier.checks import Check


def _write_opening(folder: Path, opening: bytes) -> None:
    folder.mkdir(mode=0o700)
    write_private(folder / "opening.json", opening)


def _edited(opening: Opening, edit: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(opening.to_bytes())
    edit(document)
    return canonical_json(document)


def _double_balance(scene: Scene, folder: Path) -> None:
    def edit(document: dict[str, Any]) -> None:
        position = document["positions"][0]
        position["amount"] = str(2 * int(position["amount"]))

    _write_opening(folder, _edited(scene.opened[0], edit))


def _show_other_opening(scene: Scene, folder: Path) -> None:
    _write_opening(folder, scene.opened[1].to_bytes())


def _show_renamed_opening(scene: Scene, folder: Path) -> None:
    account = scene.opened[0].account
    _write_opening(folder, _edited(scene.opened[1], lambda document: document.update(account=account)))


OPENING_ATTEMPTS: Final = (
    Attempt(
        "wrong-balance",
        "A holder is shown an opening with twice the balance that was sealed.",
        Check.OPENING_COMMITMENT,
        _double_balance,
        as_holder_of_shown_opening,
    ),
    Attempt(
        "other-opening",
        "A holder is shown the opening of another account.",
        Check.OPENING_ACCOUNT,
        _show_other_opening,
        as_holder_of_shown_opening,
    ),
    Attempt(
        "renamed-opening",
        "The same, with this holder's account id written into the file.",
        Check.OPENING_TAG,
        _show_renamed_opening,
        as_holder_of_shown_opening,
    ),
)
