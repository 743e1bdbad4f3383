"""Account ids: the one form in which an id is sealed, looked up and typed.

A leaf of the tree binds its holder's id as bytes, so prover and holder must agree on those bytes.
The canonical form of an id is Unicode text that is

* 1 to 256 bytes long in UTF-8,
* in Normalization Form C (Unicode Standard Annex 15),
* without white space at either end,
* without control characters (general category Cc), line or paragraph separators (Zl, Zp) and
  surrogates (Cs).

Case, inner spaces and everything else are kept as they are.
"""

from __future__ import annotations

import unicodedata

from primitives.errors import SealedbookError

MAX_ACCOUNT_ID_BYTES = 256

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


class AccountIdError(SealedbookError):
    """Text is not an account id in canonical form; `reason` says why, without repeating the text."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a canonical account id: {reason}")


def canonical_account_id(text: str) -> str:
    """`text` itself if it is a canonical account id; `AccountIdError` with the reason otherwise.

    Nothing is repaired here: two spellings that look alike must not silently become one account.
    """
    if not text:
        raise AccountIdError("empty")
    for character in text:
        category = unicodedata.category(character)
        if category in _FORBIDDEN_CATEGORIES:
            raise AccountIdError(f"character U+{ord(character):04X} is a control character or separator")
    if text != text.strip():
        raise AccountIdError("white space at an end")
    length = len(text.encode("utf-8"))
    if length > MAX_ACCOUNT_ID_BYTES:
        raise AccountIdError(f"{length} bytes in UTF-8, at most {MAX_ACCOUNT_ID_BYTES} are allowed")
    if not unicodedata.is_normalized("NFC", text):
        raise AccountIdError("not in Unicode Normalization Form C")
    return text


def typed_account_id(text: str) -> str:
    """The canonical id meant by what a person typed or pasted.

    Surrounding white space is removed and the text is brought into Normalization Form C (keyboards and
    clipboards differ there); everything else must already be canonical, or `AccountIdError` is raised.
    """
    return canonical_account_id(unicodedata.normalize("NFC", text.strip()))
