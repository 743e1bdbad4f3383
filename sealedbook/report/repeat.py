"""How to repeat a verification: what to compare first, and the command lines, with every pin as a value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from primitives.attestation import ATTESTATION_NAME
from sealedbook.report.examination import Accepted, Examination
from sealedbook.report.pins import PinnedFile
from sealedbook.report.text import shell_word


@dataclass(frozen=True)
class Repetition:
    """Lines for ``sha256sum --check``, and lines of the commands that repeat verification and report."""

    digests: tuple[str, ...]
    verify: tuple[str, ...]
    report: tuple[str, ...]


def repetition(examination: Examination, moment: str) -> Repetition:
    """For the examination that the report is about, stamped with the time `moment`."""
    bundle, options = shell_word(os.fspath(examination.bundle)), list(_options(examination))
    stamp = [f"--at {moment}", "--out report.html"]
    return Repetition(
        digests=tuple(_digests(examination)),
        verify=_lines(f"sealedbook verify {bundle}", options),
        report=_lines(f"sealedbook report {bundle}", options + stamp),
    )


def _lines(command: str, options: list[str]) -> tuple[str, ...]:
    """One command, one option on each line."""
    return (
        *(f"{line} \\" for line in (command, *(f"  {each}" for each in options[:-1]))),
        f"  {options[-1]}",
    )


def _digests(examination: Examination) -> Iterator[str]:
    files = [(file.sha256, file.name) for file in examination.pins.files]
    for entry in examination.files:
        if entry.name == ATTESTATION_NAME and entry.found is not None:
            files.insert(0, (entry.found, os.path.join(os.fspath(examination.bundle), entry.name)))
    for digest, name in files:
        # sha256sum takes a backslash or a line break in a name as an escape: such a name is left to the reader.
        if name.isprintable() and "\\" not in name:
            yield f"{digest}  {name}"


def _options(examination: Examination) -> Iterator[str]:
    pins = examination.pins
    if pins.issuer_key is not None:
        yield f"--issuer-key {pins.issuer_key.hex()}"
    yield from (f"--model {_file(file)}" for file in pins.models)
    yield from (f"--market {_file(file)}" for file in pins.markets)
    yield from (f"--require {shell_word(name)}" for name in pins.required)
    if pins.market_options:
        yield " ".join(shell_word(word) for word in pins.market_options)
    yield f"--backend {examination.backend}"


def _file(file: PinnedFile) -> str:
    return shell_word(file.name)


def unpinned(examination: Examination) -> tuple[str, ...]:
    """What to pin next time, in sentences."""
    pins, advice = examination.pins, []
    if pins.issuer_key is None:
        advice.append(
            "No issuer key was pinned. Get the key from another place than the bundle and give it with "
            "--issuer-key, or anybody could have made this bundle."
        )
    outcome = examination.outcome
    if isinstance(outcome, Accepted) and any(
        not claim.documents_expected for claim in outcome.verified.claims
    ):
        advice.append(
            "Model and prices are the issuer's choice. Agree on them beforehand and insist on yours with "
            "--model and --market."
        )
    if not pins.required:
        advice.append(
            "No claim was required. With --require accounts and --require solvency, a bundle without these "
            "claims is refused."
        )
    return tuple(advice)
