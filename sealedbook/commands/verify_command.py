"""``sealedbook verify``: check a whole bundle."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from primitives.backends import get_backend
from primitives.strict_json import MAX_JSON_BYTES
from sealedbook.market_options import (
    MaxAgeOption,
    MaxDeviationOption,
    OtherOption,
    PreviousOption,
    SourceKeyOption,
    SourcesRequiredOption,
    ToleranceOption,
    read_exact_market,
    read_policy,
)
from sealedbook.options import (
    BackendOption,
    IssuerKeyOption,
    JsonOption,
    RowsOption,
    existing_folder,
    read_issuer_key,
    read_small_file,
)
from sealedbook.output import print_report, progress_bar, reported_errors
from verifier.bundle import verify_bundle
from verifier.claims import ExpectedDocuments
from verifier.report import bundle_report


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
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
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous",
            help="The bundle of the book that this one follows on: compare leaves, issuer and time.",
        ),
    ] = None,
    backend: BackendOption = None,
    rows: RowsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle: signature, form, digests, the whole tree computed anew from its leaves, every proof."""
    with reported_errors(as_json=as_json):
        key = read_issuer_key(issuer_key)
        models = [read_small_file(path, "--model", MAX_JSON_BYTES) for path in model or ()]
        markets = [read_exact_market(path, "--market") for path in market or ()]
        first, *others = [ExpectedDocuments(*each) for each in zip_longest(models, markets)] or [
            ExpectedDocuments()
        ]
        expected = replace(first, others=tuple(others))
        policy = read_policy(
            source_keys=source_key,
            required=sources_required,
            max_age=max_market_age,
            tolerance=market_tolerance,
            previous=previous_market,
            others=other_market,
            max_deviation=max_deviation,
        )
        with progress_bar() as bars:
            verified = verify_bundle(
                existing_folder(bundle),
                get_backend(backend),
                issuer_key=key,
                expected=expected,
                required=require or (),
                market_policy=policy,
                previous=None if previous is None else existing_folder(previous),
                progress=bars,
            )
        print_report(bundle_report(verified, rows=rows), as_json=as_json)
