"""Every check that a verifier makes, with a stable name, and the error that names it."""

from __future__ import annotations

from enum import Enum

from primitives.errors import SealedbookError


class Check(Enum):
    """A numbered check: ``value`` is its stable name, ``title`` what it asks, in plain words."""

    title: str

    def __new__(cls, name: str, title: str) -> Check:
        """A member from its stable name and its title."""
        member = object.__new__(cls)
        member._value_ = name
        member.title = title
        return member

    # A bundle, in the order in which they are made.
    BUNDLE_FILES = ("B1-files", "the bundle holds its files, regular and of a sane size")
    BUNDLE_ATTESTATION = ("B2-attestation", "the attestation is well-formed and in canonical form")
    BUNDLE_ISSUER = ("B3-issuer", "the attestation names the issuer key that you expect")
    BUNDLE_SIGNATURE = ("B4-signature", "the issuer's signature covers the attestation")
    BUNDLE_LISTING = ("B5-listing", "the bundle holds exactly the files that the attestation lists")
    BUNDLE_DIGESTS = ("B6-digests", "every file has the length and SHA-256 that the attestation lists")
    BUNDLE_LEAVES = (
        "B7-leaves",
        "every leaf holds a canonical, non-identity commitment and a tag of its own",
    )
    BUNDLE_ROOT_HASH = ("B8-root-hash", "the tree over the leaves has the attested root hash")
    BUNDLE_ROOT_SUM = ("B9-root-sum", "the sum of all commitments is the attested root sum")
    BUNDLE_CLAIMS = ("B10-claims", "the bundle makes every claim that you require")

    # A book that was made by updating another one, whose bundle is at hand.
    UPDATE_PREDECESSOR = ("U1-predecessor", "the book names the previous bundle's book as its predecessor")
    UPDATE_ISSUER = ("U2-issuer", "the previous bundle is signed with the same issuer key")
    UPDATE_TIME = ("U3-later", "the book is as of a later time than its predecessor")
    UPDATE_LEAVES = (
        "U4-leaves",
        "what the form of the update says of the leaves holds: unchanged ones are the same, or none is",
    )

    # A claim about all accounts.
    CLAIM_DOCUMENTS = ("C1-documents", "model and market are those that you insist on, and make a statement")
    CLAIM_STATEMENT = ("C2-statement", "the statement compiled here is the one that is claimed")
    CLAIM_PROOF_FILES = (
        "C3-proof-files",
        "there is exactly one proof, of exact length, for every batch of leaves",
    )
    CLAIM_PROOFS = ("C4-proofs", "every proof holds for its leaves under this statement")

    # The market of a claim about all accounts, or a market alone.
    MARKET_DOCUMENT = ("M1-market", "the market that your conditions are about is there, and is what counts")
    MARKET_SIGNATURES = ("M2-signatures", "every signature of a source covers the market, byte for byte")
    MARKET_SOURCES = ("M3-sources", "as many of the sources that you named signed the market as you require")
    MARKET_TIME = ("M4-time", "the market is as recent as you require, and not of a later time")
    MARKET_DEVIATION = (
        "M5-deviation",
        "no figure differs by more than you allow from the markets that you gave",
    )

    # A claim that reserves cover the totals.
    SOLVENCY_RESERVES = (
        "S1-reserves",
        "the reserves are well-formed, of assets of the book, and addresses add up to them",
    )
    SOLVENCY_STATEMENT = (
        "S2-statement",
        "the statement made here of reserves and ratio is the one that is claimed",
    )
    SOLVENCY_TOTALS = ("S3-totals", "the public totals are well-formed, one for every asset of the book")
    SOLVENCY_PROOF = ("S4-proof", "the proof holds for the root's sum as computed from the leaves")
    SOLVENCY_COVER = ("S5-cover", "the reserves are at least the claimed ratio times the public totals")

    # A claim about the sum of all accounts.
    BOOK_DOCUMENTS = (
        "W1-documents",
        "model and market of the whole book are those that you insist on, and make a statement about totals",
    )
    BOOK_STATEMENT = ("W2-statement", "the statement about totals compiled here is the one that is claimed")
    BOOK_PROOF = ("W3-proof", "the proof holds for the root's sum as computed from the leaves")

    # An opening.
    OPENING_FORM = ("O1-form", "the opening is well-formed")
    OPENING_ACCOUNT = ("O2-account", "the opening is for the account id that you typed")
    OPENING_ROOT = ("O3-root", "the opening speaks of the root or book that you trust")
    OPENING_TAG = ("O4-tag", "the leaf's tag is bound to the account id that you typed")
    OPENING_POSITIONS = ("O5-positions", "the positions are assets of the book, each once, in its order")
    OPENING_COMMITMENT = ("O6-commitment", "the leaf's commitment opens to exactly these positions")
    OPENING_LEAF = ("O7-leaf", "the published leaf at this index is this leaf")
    OPENING_PATH = ("O8-path", "the path has the tree's height and sound siblings")
    OPENING_ROOT_HASH = ("O9-root-hash", "leaf and path lead to the root hash")
    OPENING_ROOT_SUM = ("O10-root-sum", "leaf and path add up to the root sum")

    # A certificate, in the order in which they are made.
    CERTIFICATE_FORM = ("K1-form", "the certificate is well-formed")
    CERTIFICATE_ROOT = ("K2-root", "the certificate speaks of the root or book that you trust")
    CERTIFICATE_AUDIENCE = ("K3-audience", "the certificate was made for the audience that you name")
    CERTIFICATE_LEAF = ("K4-leaf", "the leaf is sound, and is the published one at its index")
    CERTIFICATE_PATH = ("K5-path", "the path has the tree's height and sound siblings")
    CERTIFICATE_ROOT_HASH = ("K6-root-hash", "leaf and path lead to the root hash")
    CERTIFICATE_ROOT_SUM = ("K7-root-sum", "leaf and path add up to the root sum")
    CERTIFICATE_DOCUMENTS = (
        "K8-documents",
        "model and market are those that you insist on, and make a statement",
    )
    CERTIFICATE_STATEMENT = ("K9-statement", "the statement compiled here is the one that is certified")
    CERTIFICATE_PROOF = ("K10-proof", "the proof holds for this leaf, statement and audience")

    # A top-up of one account, in the order in which they are made.
    TOP_UP_FORM = ("T1-form", "the top-up certificate is well-formed")
    TOP_UP_ROOT = ("T2-root", "the certificate speaks of the root or book that you trust")
    TOP_UP_AUDIENCE = ("T3-audience", "the certificate was made for the audience that you name")
    TOP_UP_LEAF = ("T4-leaf", "the leaf is sound, and is the published one at its index")
    TOP_UP_PATH = ("T5-path", "the path has the tree's height and sound siblings")
    TOP_UP_ROOT_HASH = ("T6-root-hash", "leaf and path lead to the root hash")
    TOP_UP_ROOT_SUM = ("T7-root-sum", "leaf and path add up to the root sum")
    TOP_UP_ASSET = ("T8-asset", "what is moved, and the column it is taken from, are assets of the book")
    TOP_UP_DOCUMENTS = ("T9-documents", "model and market are those that you insist on, and make a statement")
    TOP_UP_STATEMENT = ("T10-statement", "the statement compiled here is the one that is certified")
    TOP_UP_AFTER = ("T11-after", "the commitment after the top-up is sound, and another one than before")
    TOP_UP_SOURCE = ("T12-source", "the account that pays is another leaf under the same root, and is sound")
    TOP_UP_AMOUNT = ("T13-amount", "after and before differ by the amount stated, in these assets alone")
    TOP_UP_PROOF = ("T14-proof", "the proof holds for the account after the top-up")
    TOP_UP_CONSERVED = ("T15-conserved", "what one account gains the other one loses, in every asset")
    TOP_UP_SOURCE_PROOF = ("T16-source-proof", "the proof holds for the account that pays, after it has paid")
    TOP_UP_MINIMAL = ("T17-minimal", "with one step less the account would not satisfy the statement")

    # The transparency log: a checkpoint, proofs, and what a monitor finds among the entries.
    LOG_CHECKPOINT = ("L1-checkpoint", "the checkpoint is a well-formed signed note")
    LOG_ORIGIN = ("L2-origin", "the checkpoint is of the log that you expect")
    LOG_SIGNATURE = ("L3-log-signature", "the log's key that you gave signed the checkpoint")
    LOG_WITNESSES = ("L4-witnesses", "as many of your witnesses as you want cosigned the checkpoint")
    LOG_INCLUSION = ("L5-inclusion", "the entry is in the log at its index")
    LOG_CONSISTENCY = ("L6-consistency", "the log only grew: all that you saw before is still its beginning")
    LOG_ROLLBACK = ("L7-rollback", "the log has no fewer entries than when you last looked")
    LOG_ENTRIES = (
        "L8-entries",
        "the entries are well-formed, and the tree over them has the checkpoint's root",
    )
    LOG_FRESHNESS = ("L9-freshness", "the log is not older than you allow")
    LOG_ONE_BOOK = ("L10-one-book", "no issuer has two books for one time, unless it took one back")
    LOG_ISSUER_KEYS = ("L11-issuer-keys", "no attestation is by a key that its issuer had given up before")
    LOG_NOT_REVOKED = ("L12-not-revoked", "the issuer did not take the attestation back")


class VerificationError(SealedbookError):
    """A check failed: `check` says which, `detail` what was found."""

    def __init__(self, check: Check, detail: str) -> None:
        self.check = check
        self.detail = detail
        super().__init__(f"check {check.value} failed ({check.title}): {detail}")
