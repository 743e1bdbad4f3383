"""What a report says about the book that a book was made from."""

from __future__ import annotations

from collections.abc import Sequence

from primitives.attestation import SealedBook, UpdateForm, format_time
from primitives.strict_json import Json
from verifier.checks import Check
from verifier.findings import Finding, Level
from verifier.update import VerifiedUpdate

UPDATE_CHECKS = (
    Check.UPDATE_PREDECESSOR,
    Check.UPDATE_ISSUER,
    Check.UPDATE_TIME,
    Check.UPDATE_LEAVES,
)

_FORMS = {
    UpdateForm.CHANGED: "some leaves sealed anew, the others kept",
    UpdateForm.ANEW: "every leaf sealed anew",
}


def update_findings(book: SealedBook, update: VerifiedUpdate | None, signed: Level) -> Sequence[Finding]:
    """The predecessor that the book names, if any, and what was compared with it."""
    if book.predecessor is None:
        return []
    digest, form = book.predecessor.digest.hex(), book.predecessor.form
    if update is None:
        text = f"book {digest}, {_FORMS[form]}: give its bundle with --previous to compare"
        return [Finding("Predecessor", text, signed)]
    old = update.previous.attestation.book
    text = f"book {digest}, as of {format_time(old.as_of)}, signed with the same key"
    return [Finding("Predecessor", text, Level.RECOMPUTED), _leaves_finding(update)]


def _leaves_finding(update: VerifiedUpdate) -> Finding:
    subject = "Leaves since the predecessor"
    if update.form is UpdateForm.ANEW:
        text = "all others: no tag and no commitment of the predecessor stands here again"
        return Finding(subject, text, Level.RECOMPUTED)
    same = update.leaf_count - update.differing
    text = f"{update.differing:,} others, in tag and commitment; {same:,} the same, byte for byte, at their places"
    return Finding(subject, text, Level.RECOMPUTED)


def update_figures(book: SealedBook, update: VerifiedUpdate | None) -> Json:
    """The same for programs; None where the book names no predecessor."""
    if book.predecessor is None:
        return None
    figures: dict[str, Json] = {
        "book_digest": book.predecessor.digest.hex(),
        "form": book.predecessor.form.value,
        "compared": update is not None,
    }
    if update is not None:
        figures["leaves_sealed_anew"] = update.differing
        figures["leaves_unchanged"] = update.leaf_count - update.differing
    return figures
