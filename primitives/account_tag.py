"""The id tag: what binds a leaf to the account id that its owner types.

    tag_u = SHA-256("sealedbook/v1/account-tag" 00 || salt_u || id)

salt_u: 32 secret random bytes, fresh for every book; id: the canonical account id in UTF-8 (see
`primitives.account_id`). The salt hides the id from everybody without the opening and makes tags of
different books unlinkable; the id makes sure that no two owners can be shown one leaf.
"""

from __future__ import annotations

import hashlib

from primitives.parameters import ACCOUNT_TAG_LABEL, SALT_BYTES


def account_tag(salt: bytes, account_id: str) -> bytes:
    """The 32-byte tag; `account_id` is canonical, or empty for a padding leaf."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"salt has {len(salt)} bytes, expected {SALT_BYTES}")
    return hashlib.sha256(ACCOUNT_TAG_LABEL + salt + account_id.encode("utf-8")).digest()
