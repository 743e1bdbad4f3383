"""``sealedbook report``: verify a bundle, and write down what came of it for the files of an auditor."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from primitives.attestation import parse_time
from primitives.backends import get_backend
from primitives.errors import SealedbookError
from primitives.strict_json import MAX_JSON_BYTES, Json, JsonError
from sealedbook.options import (
    BackendOption,
    IssuerKeyOption,
    JsonOption,
    OptionError,
    existing_folder,
    read_issuer_key,
    read_small_file,
)
from sealedbook.output import ExitCode, console, notes, print_json, progress_bar, reported_errors, shown
from sealedbook.report import (
    Accepted,
    Examination,
    PinnedFile,
    Pins,
    examine,
    render,
    report_contents,
    time_now,
)
from sealedbook.report.pdf import print_pdf
from sealedbook.report.writing import check_destination, write_report
from verifier.checks import VerificationError


def report(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    out: Annotated[Path, typer.Option("--out", help="The report to write, one HTML file.")],
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", help="Write it as PDF too, printed by chromium or WeasyPrint."),
    ] = None,
    issuer_key: IssuerKeyOption = None,
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", help="Insist that claims were made with this model, or one of several."),
    ] = None,
    market: Annotated[
        list[Path] | None,
        typer.Option("--market", help="Insist that claims were made with these prices, or some of several."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            "--require",
            metavar="CLAIM",
            help="Refuse a bundle without this claim: accounts, solvency, or a claim's name; may be repeated.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Stamp the report with this UTC time, such as 2026-01-31T00:00:00Z, instead of now; it is then the "
            "same file each time, and does not say how long the verification took.",
        ),
    ] = None,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a bundle as `verify` does and write an auditor's report: one file that loads nothing and runs nothing.

    A rejected bundle gets a report too, and the exit code 1.
    """
    with reported_errors(as_json=as_json):
        given = _parse_at(at)
        pins = _read_pins(issuer_key, model, market, require)
        _check_destinations(out, pdf)
        folder = existing_folder(bundle)
        with progress_bar() as bars:
            examination = examine(folder, pins, get_backend(backend), progress=bars)
        written: dict[str, Json] = {}
        try:
            _write(examination, out, pdf, given, written)
        except (OSError, SealedbookError) as error:
            if isinstance(examination.outcome, Accepted):
                raise
            # That the bundle is rejected matters more than that its report is not whole.
            notes.print(f"[bold red]NOT WRITTEN[/]  {shown(str(error))}")
        _finish(examination, written, as_json=as_json)


def _parse_at(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_time(text, "--at")
    except JsonError as error:
        raise OptionError(str(error)) from error


def _read_pins(
    issuer_key: str | None, model: list[Path] | None, market: list[Path] | None, require: list[str] | None
) -> Pins:
    return Pins(
        issuer_key=read_issuer_key(issuer_key),
        models=tuple(_pinned(path, "--model") for path in model or ()),
        markets=tuple(_pinned(path, "--market") for path in market or ()),
        required=tuple(require or ()),
    )


def _pinned(path: Path, option: str) -> PinnedFile:
    return PinnedFile(str(path), read_small_file(path, option, MAX_JSON_BYTES))


def _check_destinations(out: Path, pdf: Path | None) -> None:
    """Before the verification, which may take long."""
    check_destination(out, "--out")
    if pdf is not None:
        check_destination(pdf, "--pdf")
        if pdf.absolute() == out.absolute():
            raise OptionError("--out and --pdf name one file")


def _write(
    examination: Examination, out: Path, pdf: Path | None, at: datetime | None, written: dict[str, Json]
) -> None:
    """The HTML file first: it is there also where no PDF can be made. `written` says what was written."""
    made_at = at or time_now()
    page = render(report_contents(examination, made_at, with_duration=at is None))
    data = page.encode("utf-8")
    write_report(out, data)
    written["html"] = _described(out, data)
    if pdf is not None:
        printed = print_pdf(page, made_at)
        write_report(pdf, printed)
        written["pdf"] = _described(pdf, printed)


def _described(path: Path, data: bytes) -> Json:
    return {"path": str(path), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _finish(examination: Examination, written: dict[str, Json], *, as_json: bool) -> None:
    """Say what was written and how the verification ended; a rejection ends the command with exit code 1."""
    outcome = examination.outcome
    if isinstance(outcome, Accepted):
        if as_json:
            print_json({**outcome.report.to_json(), "written": written})
            return
        console.print(f"[bold green]ACCEPTED[/]  {shown(outcome.report.verdict)}\n")
    elif as_json:
        print_json(_rejection(outcome, written))
        raise SystemExit(ExitCode.REJECTED) from outcome
    if not as_json:
        for entry in written.values():
            if isinstance(entry, dict):
                console.print(f"Wrote [bold]{shown(str(entry['path']))}[/]: SHA-256 {entry['sha256']}")
    if isinstance(outcome, VerificationError):
        raise outcome


def _rejection(error: VerificationError, written: dict[str, Json]) -> Json:
    return {
        "result": "rejected",
        "check": error.check.value,
        "title": error.check.title,
        "detail": error.detail,
        "exit_code": int(ExitCode.REJECTED),
        "written": written,
    }
