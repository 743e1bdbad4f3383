"""Errors as the service tells them: RFC 9457 problem details, one stable `code` for each kind.

    {"type": "about:blank", "title": ..., "status": ..., "code": ..., "detail": ..., "request_id": ...}

What went wrong inside is logged, never told: an unexpected error says no more than that it happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

PROBLEM_TYPE: Final = "application/problem+json"
NO_STORE: Final = "no-store"
_MAX_REPORTED: Final = 10
_STATUS_CODES: Final = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
}


class Problem(Exception):  # noqa: N818 (the name RFC 9457 gives it)
    """An answer that is an error: HTTP status, stable code, title (the same for one code), and what happened here.

    `title` and `detail` are public: they hold no secret, and nothing about any account.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(f"{status} {code}: {title}" + (f": {detail}" if detail else ""))

    def response(self, request_id: str | None = None) -> Response:
        """The answer as ``application/problem+json``; it is not to be stored anywhere."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            body["detail"] = self.detail
        if request_id:
            body["request_id"] = request_id
        return Response(
            json.dumps(body, ensure_ascii=False).encode("utf-8", errors="backslashreplace"),
            status_code=self.status,
            media_type=PROBLEM_TYPE,
            headers={"Cache-Control": NO_STORE, **self.headers},
        )


def not_found(what: str) -> Problem:
    """404 for a public thing that does not exist; `what` names it ("attestation")."""
    return Problem(404, "not-found", "There is no such thing here", f"there is no such {what}")


def invalid_request(detail: str) -> Problem:
    """422 for a request whose parts are not of the form that the route wants."""
    return Problem(422, "invalid-request", "The request is not of the form that this route wants", detail)


def key_given_up() -> Problem:
    """409 for what is signed with a key that its issuer changed: the log would hold it against the issuer for ever."""
    return Problem(
        409,
        "key-given-up",
        "The key that signed this was given up",
        "the log says that the issuer signs with another key",
    )


def second_book(other: str) -> Problem:
    """409 for a book of a moment that another one, not taken back, stands for: every monitor would refuse both."""
    return Problem(
        409,
        "second-book",
        "There is another book of this moment",
        f"attestation {other} is of the same issuer and moment, and of another book: revoke it first",
    )


def request_id_of(scope: Scope) -> str | None:
    """The id under which this request is logged, None outside the service's middleware."""
    value = scope.get("state", {}).get("request_id")
    return value if isinstance(value, str) else None


def unexpected_problem() -> Problem:
    """500, without a word about what happened."""
    return Problem(
        500,
        "internal-error",
        "The service failed; this was logged",
        "try again, or tell the operator the request id",
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error that a route or the framework raises on purpose with a problem document.

    Unexpected errors are met by `api.middleware`, outside of everything else.
    """

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return error.response(request_id_of(request.scope))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        # Places and reasons, never the values: a token or an account id may be among them.
        reasons = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors()[:_MAX_REPORTED]
        ]
        return invalid_request("; ".join(reasons)).response(request_id_of(request.scope))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        code = _STATUS_CODES.get(status, status.phrase.lower().replace(" ", "-"))
        return Problem(int(status), code, status.phrase, headers=error.headers).response(
            request_id_of(request.scope)
        )
