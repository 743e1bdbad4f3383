"""Bodies of requests and answers, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from api.holder_service import MAX_MARKET_LENGTH, MAX_MODEL_LENGTH
from primitives.certificate import MAX_AUDIENCE_LENGTH
from primitives.strict_json import MAX_JSON_BYTES

HEX32 = r"^[0-9a-f]{64}$"
DigestPath = Annotated[
    str, Path(pattern=HEX32, description="SHA-256 of attestation.json, in lower-case hexadecimal")
]
ClaimPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="The name of a claim")]


class Model(BaseModel):
    """Unknown fields in requests are refused."""

    model_config = ConfigDict(extra="forbid")


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: Annotated[str, Field(description="Stable, for programs")]
    detail: str = ""
    request_id: str = ""


class Revocation(Model):
    """The issuer took the attestation back."""

    time: str
    reason: str
    log_index: int


class FileEntry(Model):
    """One file of a bundle."""

    name: str
    bytes: int
    sha256: str


class AttestationSummary(Model):
    """A published attestation; `revocation` is null while it stands."""

    digest: str
    book_digest: str
    issuer: str
    issuer_key: str
    as_of: str
    leaf_count: int
    root_hash: str
    root_sum: str
    published_at: str
    log_index: int
    status: Literal["published", "revoked"]
    revocation: Revocation | None
    claims: list[dict[str, Any]]


class AttestationDetail(AttestationSummary):
    """The same with its files."""

    files: list[FileEntry]


class AttestationPage(Model):
    """Newest first; `next` is the cursor of the following page, null on the last one."""

    attestations: list[AttestationSummary]
    next: str | None


class ServerReport(Model):
    """The verifier's report as this server came to it: the server's word, and how not to rely on it."""

    whose_word: Literal["server"]
    notice: str
    how_to_repeat: list[str]
    attestation: str
    status: Literal["published", "revoked"]
    revocation: Revocation | None
    report: dict[str, Any]


class PublicationRequest(Model):
    """The two files that name a publication, as text: their exact bytes count."""

    attestation: Annotated[str, Field(min_length=1, max_length=MAX_JSON_BYTES)]
    signature: Annotated[str, Field(min_length=1, max_length=200)]


class MissingEntry(FileEntry):
    """A file that is not complete; `received` bytes of it are here."""

    received: int


class PublicationState(Model):
    """A publication on its way."""

    id: str
    state: Literal["uploading", "complete", "committing", "published", "rejected"]
    missing: list[MissingEntry]
    max_upload_bytes: int
    failure: dict[str, Any] | None = None
    log_index: int | None = None


class LogEntryAnswer(Model):
    """Where an entry stands in the log."""

    index: int
    kind: str


class CertificateRequest(Model):
    """What to certify; documents as text, because their exact bytes count."""

    attestation: Annotated[str, Field(pattern=r"^(latest|[0-9a-f]{64})$")] = "latest"
    model: Annotated[str, Field(min_length=2, max_length=MAX_MODEL_LENGTH)]
    market: Annotated[str, Field(min_length=2, max_length=MAX_MARKET_LENGTH)] | None = None
    audience: Annotated[str, Field(min_length=1, max_length=MAX_AUDIENCE_LENGTH)] | None = None


class Health(Model):
    """Whether the process runs."""

    status: Literal["ok"]


class Readiness(Model):
    """Whether what the service rests on can be reached."""

    status: Literal["ready", "not ready"]
    database: bool
    storage: bool
    log: bool


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of error answers."""
    return {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
            },
        }
        for status in statuses
    }


_DESCRIPTIONS = {
    400: "The request did not arrive whole, or is malformed",
    401: "The credential is missing or not in order",
    403: "The credential, or the issuer, does not allow this",
    404: "There is no such thing here",
    409: "Not in this state",
    412: "The precondition does not hold",
    413: "Too large",
    415: "Not a type that this route takes",
    416: "The range is not within the file",
    422: "Not of the form that this route wants, or refused for what it says",
    429: "Too many requests",
    500: "The service failed",
    503: "Not at the moment",
    507: "No room",
}
