"""``sealedbook report``: verify a bundle, and write down what came of it for the files of an auditor."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from primitives.backends import get_backend
from primitives.errors import SealedbookError
from primitives.strict_json import MAX_JSON_BYTES, Json
from sealedbook.market_options import (
    MAX_MARKET_FILE,
    MaxAgeOption,
    MaxDeviationOption,
    OtherOption,
    PreviousOption,
    SourceKeyOption,
    SourcesRequiredOption,
    ToleranceOption,
    parse_moment,
    read_exact_market,
    read_policy,
)
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
from sealedbook.report.writing import check_destination
from sealedbook.written_file import write_whole
from verifier.checks import VerificationError
from verifier.market_checks import MarketPolicy


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
            help="Refuse a bundle without this claim: accounts, solvency, book, or a claim's name; may be repeated.",
        ),
    ] = None,
    source_key: SourceKeyOption = None,
    sources_required: SourcesRequiredOption = None,
    max_market_age: MaxAgeOption = None,
    market_tolerance: ToleranceOption = 0,
    previous_market: PreviousOption = None,
    other_market: OtherOption = None,
    max_deviation: MaxDeviationOption = None,
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
        given = parse_moment(at)
        pins = _read_pins(issuer_key, model, market, require)
        conditions = _Conditions(
            source_key or [],
            sources_required,
            max_market_age,
            market_tolerance,
            previous_market or [],
            other_market or [],
            max_deviation,
        )
        pins = conditions.added_to(pins)
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


@dataclass(frozen=True)
class _Conditions:
    """The options that set conditions on markets, as for ``sealedbook verify``."""

    source_keys: list[str]
    required: int | None
    max_age: int | None
    tolerance: int
    previous: list[Path]
    others: list[Path]
    max_deviation: str | None

    def added_to(self, pins: Pins) -> Pins:
        """The pins with these conditions, and with the words that set them."""
        policy = read_policy(
            source_keys=self.source_keys,
            required=self.required,
            max_age=self.max_age,
            tolerance=self.tolerance,
            previous=self.previous,
            others=self.others,
            max_deviation=self.max_deviation,
        )
        files = (
            *((path, "--previous-market") for path in self.previous),
            *((path, "--other-market") for path in self.others),
        )
        return replace(
            pins,
            market_policy=policy,
            market_options=tuple(self._words(policy)),
            references=tuple(
                PinnedFile(str(path), read_small_file(path, option, MAX_MARKET_FILE))
                for path, option in files
            ),
        )

    def _words(self, policy: MarketPolicy) -> Iterator[str]:
        """The options again, keys as values and not as files that may change."""
        for name, key in policy.source_keys.items():
            yield from ("--source-key", f"{name}={key.hex()}")
        for option, value in (
            ("--sources-required", self.required),
            ("--max-market-age", self.max_age),
            ("--market-tolerance", self.tolerance or None),
            *(("--previous-market", path) for path in self.previous),
            *(("--other-market", path) for path in self.others),
            ("--max-deviation", self.max_deviation),
        ):
            if value is not None:
                yield from (option, str(value))


def _read_pins(
    issuer_key: str | None, model: list[Path] | None, market: list[Path] | None, require: list[str] | None
) -> Pins:
    return Pins(
        issuer_key=read_issuer_key(issuer_key),
        models=tuple(
            PinnedFile(str(path), read_small_file(path, "--model", MAX_JSON_BYTES)) for path in model or ()
        ),
        markets=tuple(PinnedFile(str(path), read_exact_market(path, "--market")) for path in market or ()),
        required=tuple(require or ()),
    )


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
    write_whole(out, data)
    written["html"] = _described(out, data)
    if pdf is not None:
        printed = print_pdf(page, made_at)
        write_whole(pdf, printed)
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
