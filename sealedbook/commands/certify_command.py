"""``sealedbook certify``: an account holder proves something about their account, without showing it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from circuits.claim_statement import model_words
from circuits.plain_words import account_facts
from primitives.attestation import ATTESTATION_NAME, SIGNATURE_NAME
from primitives.backends import get_backend
from primitives.certificate import Certificate, typed_audience
from primitives.strict_json import MAX_JSON_BYTES, JsonError
from sealedbook.options import (
    MAX_OPENING_BYTES,
    BackendOption,
    JsonOption,
    OptionError,
    is_text,
    read_small_file,
)
from sealedbook.output import ExitCode, console, print_json, reported_errors, shown
from sealedbook.written_file import write_whole
from verifier.certificate import VerifiedCertificate, verify_certificate_against_root
from verifier.opening import TrustedRoot, verify_own_opening

if TYPE_CHECKING:
    from prover.certificate import Shortfall

"""A certificate is made to be shown."""


def certify(
    opening: Annotated[Path, typer.Argument(help="Your opening; it stays private.")],
    statement: Annotated[
        Path, typer.Option("--statement", help="The model document that says what to prove.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The certificate to write.")],
    market: Annotated[
        Path | None, typer.Option("--market", help="The prices, if the statement names none.")
    ] = None,
    audience: Annotated[
        str | None,
        typer.Option(
            "--audience",
            metavar="TEXT",
            help="For whom, or for what: the certificate is worth nothing to anybody else who insists on it.",
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option("--account", help="Your account id, to be sure that the opening is yours."),
    ] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove something about your account, such as "at least 2 BTC", in a file that you can show to others.

    Nothing but your opening is needed. The certificate holds no amounts and not your account id. If your account
    does not satisfy the statement, nothing is written and you alone are told how short it is.
    """
    with reported_errors(as_json=as_json):
        from prover.certificate import CertificateRefusedError, make_certificate

        refuse_other_file(out)
        engine = get_backend(backend)
        checked = verify_own_opening(read_small_file(opening, "OPENING", MAX_OPENING_BYTES), account, engine)
        try:
            certificate = make_certificate(
                checked,
                engine,
                model=read_small_file(statement, "--statement", MAX_JSON_BYTES),
                market=None if market is None else read_small_file(market, "--market", MAX_JSON_BYTES),
                audience=audience_option(audience),
            )
        except CertificateRefusedError as error:
            if as_json:
                _print_refusal(error.shortfall)
                raise SystemExit(ExitCode.REFUSED_INPUT) from None
            raise
        data = certificate.to_bytes()
        # What is handed out has passed the check that others will make.
        trusted = TrustedRoot(book_digest=checked.book.digest())
        verified = verify_certificate_against_root(data, trusted, engine)
        write_whole(out, data)
        _print_result(out, verified, len(data), as_json=as_json)


def audience_option(text: str | None) -> str | None:
    """The audience in canonical form, from what was typed."""
    if text is not None and not is_text(text):
        raise OptionError("--audience is not UTF-8")
    return None if text is None else typed_audience(text)


def _print_refusal(shortfall: Shortfall) -> None:
    print_json(
        {
            "result": "refused",
            "row": shortfall.row,
            "shortfall": None if shortfall.is_excess else str(shortfall.amount),
            "excess": str(shortfall.amount) if shortfall.is_excess else None,
            "text": shortfall.text,
            "exit_code": int(ExitCode.REFUSED_INPUT),
        }
    )


def _print_result(out: Path, verified: VerifiedCertificate, size: int, *, as_json: bool) -> None:
    terms = verified.terms
    words = model_words(terms.model)
    facts = account_facts(verified.statement) if words is None else list(words.conditions)
    if as_json:
        print_json(
            {
                "certificate": str(out),
                "bytes": size,
                "proof_bytes": len(verified.certificate.proof),
                "book_digest": terms.book.digest().hex(),
                "leaf_index": terms.leaf.index,
                "statement": terms.statement_digest.hex(),
                "facts": list(facts),
                "audience": terms.audience,
            }
        )
        return
    console.print(
        f"Wrote [bold]{escape(str(out))}[/]: {size:,} bytes, of which the proof has "
        f"{len(verified.certificate.proof):,}. It shows that the account at leaf {terms.leaf.index}"
    )
    for fact in facts:
        console.print(f"  {shown(fact)}")
    if terms.audience is None:
        console.print(
            "It is made for nobody in particular: whoever you show it to can pass it on as meant for them."
        )
    else:
        console.print(f"It is made for {escape(repr(terms.audience))}.")
    console.print(
        "Your amounts and your account id are not in it; the leaf is, so whoever sees two of your certificates "
        "knows that they are of one account. Anybody can check it with `sealedbook verify-certificate`."
    )


def refuse_other_file(out: Path) -> None:
    """Only an older certificate is ever replaced, and nothing is put into a bundle, which would then be refused."""
    for folder in out.absolute().parents:
        if (folder / ATTESTATION_NAME).is_file() and (folder / SIGNATURE_NAME).is_file():
            raise OptionError(f"--out: {out} lies in the bundle {folder}; a certificate is a file of its own")
    if not os.path.lexists(out):
        return
    try:
        Certificate.parse(read_small_file(out, "--out", MAX_JSON_BYTES))
    except (JsonError, OptionError, OSError):
        raise OptionError(f"--out: {out} exists and is not a certificate; choose another place") from None
