"""Checkpoints: what a log states about its whole tree (c2sp.org/tlog-checkpoint), the text of a signed note.

<origin>
<number of entries, decimal, no leading zeros>
<base64 of the 32-byte root hash>
<extension lines, none in our logs>
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from primitives.parameters import HASH_BYTES
from primitives.signed_note import NoteError, check_note_text

MAX_LOG_SIZE: Final = (1 << 62) - 1
"""More entries than any log will have, and fits every integer column."""
MAX_ORIGIN_LENGTH: Final = 255
MAX_EXTENSION_LINES: Final = 16
_SIZE: Final = re.compile(r"\A(?:0|[1-9][0-9]{0,18})\Z")


class CheckpointError(NoteError):
    """The text of a note is not that of a checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a log: `size` entries under `root` (RFC 6962)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The text that is signed."""
        root = base64.b64encode(self.root).decode("ascii")
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))

    @staticmethod
    def parse(text: str) -> Checkpoint:
        """The strict inverse of `to_text`; `CheckpointError` says what is wrong."""
        check_note_text(text)
        lines = text[:-1].split("\n")
        if len(lines) < 3:
            raise CheckpointError(f"a checkpoint has {len(lines)} lines, expected origin, size and root")
        if len(lines) > 3 + MAX_EXTENSION_LINES:
            raise CheckpointError(f"a checkpoint has more than {MAX_EXTENSION_LINES} extension lines")
        if not all(lines):
            raise CheckpointError("a checkpoint holds an empty line")
        origin, size, root, *extensions = lines
        if len(origin) > MAX_ORIGIN_LENGTH:
            raise CheckpointError(f"a checkpoint's origin has more than {MAX_ORIGIN_LENGTH} characters")
        if not _SIZE.match(size) or int(size) > MAX_LOG_SIZE:
            raise CheckpointError(
                "a checkpoint's size is not a decimal number without leading zeros below 2^62"
            )
        return Checkpoint(origin, int(size), _parse_root(root), tuple(extensions))


def _parse_root(text: str) -> bytes:
    try:
        root = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointError("a checkpoint's root hash is not base64") from error
    if len(root) != HASH_BYTES or base64.b64encode(root).decode("ascii") != text:
        raise CheckpointError(f"a checkpoint's root hash is not {HASH_BYTES} bytes in canonical base64")
    return root
