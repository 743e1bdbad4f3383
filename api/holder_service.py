"""What account holders get: their own opening, and certificates made from it, on demand from the vault.

An account that the book does not have costs the same work as one that it has, and gets the same answer as everything
else that is not there: nobody learns from here who is a customer.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections import OrderedDict
from typing import Final

import structlog

from api.child_environment import child_environment
from api.problems import Problem
from api.settings import Settings
from primitives.backends import get_backend
from primitives.errors import SealedbookError
from primitives.generators import Generators
from primitives.opening import Opening
from prover.openings import make_opening
from prover.vault import Vault, VaultBook

MAX_MODEL_LENGTH: Final = 1 << 18
MAX_MARKET_LENGTH: Final = 1 << 20
CERTIFICATE_SECONDS: Final = 120
_OPEN_BOOKS: Final = 8

_log = structlog.get_logger("sealedbook.holders")


class HolderService:
    """Openings and certificates from one vault."""

    def __init__(self, settings: Settings) -> None:
        if settings.vault is None:
            raise ValueError("no vault")
        self._vault = Vault.open(settings.vault)
        passphrase = settings.vault_passphrase
        self._passphrase = None if passphrase is None else passphrase.get_secret_value()
        self._backend = get_backend()
        self._generators = Generators(self._backend)
        self._books: OrderedDict[bytes, tuple[VaultBook, str | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._jobs = threading.BoundedSemaphore(settings.certificate_jobs)

    def __repr__(self) -> str:
        return "HolderService()"

    def opening(self, book_digest: bytes, account: str) -> Opening:
        """The opening of `account` in the book; a 404 problem where there is none."""
        book, somebody = self._book(book_digest)
        leaf = book.find_leaf(account)
        # Who is not in the book costs the work of somebody who is.
        worked_for = account if leaf is not None else somebody
        try:
            with self._lock:
                made = (
                    None
                    if worked_for is None
                    else make_opening(book, worked_for, self._backend, self._generators)
                )
        except SealedbookError as error:
            _log.error("opening-failed", book=book_digest.hex(), kind=type(error).__name__)
            raise _unavailable() from None
        if leaf is None or made is None:
            raise no_opening()
        return made

    def certificate(self, opening: Opening, *, model: str, market: str | None, audience: str | None) -> bytes:
        """A certificate about the account of `opening`, made and verified by a process of its own.

        A 422 problem where the documents make no statement, or the account does not satisfy it: the reason is for its
        holder, who asked.
        """
        request = {
            "opening": base64.b64encode(opening.to_bytes()).decode(),
            "model": model,
            "market": market,
            "audience": audience,
        }
        if not self._jobs.acquire(blocking=False):
            raise Problem(
                503,
                "busy",
                "Too many certificates are being made",
                "try again in a moment",
                headers={"Retry-After": "5"},
            )
        try:
            answer = _run(json.dumps(request).encode())
        finally:
            self._jobs.release()
        if answer.get("result") == "made":
            return base64.b64decode(answer["certificate"])
        if answer.get("result") == "refused":
            raise Problem(422, answer["code"], answer["title"], answer["detail"])
        raise _unavailable()

    def _book(self, digest: bytes) -> tuple[VaultBook, str | None]:
        """A book of the vault, and any account in it."""
        with self._lock:
            known = self._books.get(digest)
            if known is None:
                if not self._vault.book_folder(digest).is_dir():
                    raise no_opening()
                try:
                    book = self._vault.open_book(digest, self._passphrase)
                except SealedbookError as error:
                    _log.error("vault-book-failed", book=digest.hex(), kind=type(error).__name__)
                    raise _unavailable() from None
                known = self._books[digest] = (book, _first_account(book))
                while len(self._books) > _OPEN_BOOKS:
                    self._books.popitem(last=False)
            return known


def no_opening() -> Problem:
    """404, the same whether the account or the book is unknown."""
    return Problem(404, "no-opening", "There is no opening for you here", "this book has no account of yours")


def _unavailable() -> Problem:
    return Problem(
        503, "unavailable", "The service cannot do this at the moment", "this was logged; try again later"
    )


def _first_account(book: VaultBook) -> str | None:
    return next((account for account, _ in book.accounts()), None)


def _run(request: bytes) -> dict[str, str]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "api.certificate_process"],
            input=request,
            capture_output=True,
            check=False,
            timeout=CERTIFICATE_SECONDS,
            env=child_environment(),
        )
        answer: dict[str, str] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        detail = f"it was not made within {CERTIFICATE_SECONDS} seconds; prove it on your own machine"
        return {"result": "refused", "code": "too-costly", "title": "This takes too long", "detail": detail}
    except ValueError:
        _log.error("certificate-process-failed", code=done.returncode)
        return {}
    return answer
