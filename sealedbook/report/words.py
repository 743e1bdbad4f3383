"""The fixed words of a report: what no verification shows, and what its terms mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sealedbook.report.examination import Accepted

GLOSSARY: Final = (
    ("account", "What one customer holds and owes, as amounts of assets. Its owner alone sees it opened."),
    (
        "attestation",
        "The signed document of a bundle: issuer, time, assets, root, claims, and every file's digest.",
    ),
    ("book", "All accounts of the issuer at one moment. Its digest names it and never changes afterwards."),
    ("bundle", "The folder that the issuer publishes: attestation, signature, leaves, documents and proofs."),
    ("claim", "A statement about the sealed book, with the proofs that are to show it."),
    (
        "commitment",
        "A sealed amount: it cannot be opened to another one, and shows nothing of the one inside.",
    ),
    ("digest", "SHA-256 of a file: two files with one digest are the same file."),
    (
        "leaf",
        "One sealed account in the tree: an anonymous tag and a commitment. Padding leaves are accounts too.",
    ),
    ("market", "The public document with the prices that a model is applied at."),
    ("model", "The public document that says what every account must satisfy."),
    ("padding", "Empty accounts that hide how many customers there are. They are proven like all others."),
    ("proof", "Bytes that convince whoever checks them that a statement is true, and show nothing else."),
    ("reserves", "What the issuer says it holds, in a public document, by asset and address."),
    ("root", "One hash and one sum over all leaves: no leaf can be changed or left out without changing it."),
    ("row", "One inequality or equation of a statement. Proving it commits to the bits of its value."),
    ("statement", "The rows that the verifier itself compiles from model, market and assets."),
)
"""Term and meaning, in the order of the alphabet."""


def not_shown(accepted: Accepted) -> Iterator[str]:
    """What nobody may read into an accepted bundle, beyond its lines that are hidden, claimed or not yet proven."""
    verified = accepted.verified
    yield (
        "That balances are those that customers would agree to: each customer checks their own account, and "
        "nobody can check for those who do not."
    )
    yield "That everybody is shown the same book: compare the book digest with what others were given."
    yield "How many customers there are: the number of leaves is an upper bound."
    if verified.claims:
        yield "That accounts would survive prices or scenarios other than those of the model and the market."
    else:
        yield "Anything about single accounts: no claim about every account is in this bundle."
    if verified.solvency:
        yield (
            "That the reserves exist as stated: no chain was read here. Look balances up, at the blocks named. A "
            "signature shows control of an address, not that its coins are not borrowed, pledged or owed to others."
        )
    else:
        yield "That there are any reserves: no claim about them is in this bundle."
    if not verified.signed.key_expected:
        yield "Who made the bundle: the issuer's key was not pinned."
