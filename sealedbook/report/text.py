"""Text from outside made fit to be read: control characters, directions and commands."""

from __future__ import annotations

import os
import re
import shlex
from fractions import Fraction
from typing import Final

_DIGEST: Final = re.compile(r"[0-9a-f]{64,}")


def visible(text: str) -> str:
    """`text` with everything unprintable in escapes, marks that reverse the direction of writing among it.

    >>> visible("a\\u202eb")
    'a\\\\u202eb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, limit: int) -> str:
    """`text`, or its first `limit` characters and how many follow."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def shortened_inside(text: str, limit: int) -> str:
    """`text`, or its beginning and its end around how many characters stand between: an end may say what matters."""
    if len(text) <= limit:
        return text
    end = limit // 3
    begin = limit - end
    return f"{text[:begin]} … ({len(text) - limit:,} characters left out) … {text[-end:]}"


def is_digest(text: str) -> bool:
    """Whether `text` is a digest, a key or a point: at least 32 bytes in lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def shell_word(text: str) -> str:
    """`text` as one word of a POSIX shell command; unprintable bytes as bash quotes them (``$'...'``)."""
    if text.isprintable():
        return shlex.quote(text)
    parts = []
    for character in text:
        if character in "\\'":
            parts.append("\\" + character)
        elif character.isprintable():
            parts.append(character)
        else:
            parts += [f"\\x{byte:02x}" for byte in os.fsencode(character)]
    return f"$'{''.join(parts)}'"


def percent_down(value: Fraction) -> str:
    """A ratio in percent with two decimals, rounded down: cover is never rounded up.

    >>> percent_down(Fraction(2, 3))
    '66.66 %'
    """
    whole, hundredths = divmod(value.numerator * 10_000 // value.denominator, 100)
    return f"{whole:,}.{hundredths:02d} %"


def humanised(key: str) -> str:
    """The name of a field as words.

    >>> humanised("bits_per_account")
    'Bits per account'
    """
    words = key.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
