"""``sealedbook verify-logged``: check that a bundle's attestation is in a transparency log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from primitives.log_entry import AttestationEntry
from primitives.log_tree import leaf_hash
from sealedbook.log_options import (
    LogKeyOption,
    OriginOption,
    UrlArgument,
    WitnessesOption,
    WitnessKeyOption,
    read_policy,
)
from sealedbook.options import IssuerKeyOption, JsonOption, existing_folder, read_issuer_key
from sealedbook.output import print_report, reported_errors
from verifier.attestation import SignedAttestation, verify_attestation
from verifier.checks import Check
from verifier.findings import Finding, Level, Report
from verifier.report import attestation_checks, book_figures, issuer_findings
from verifier.transparency import LogPolicy, VerifiedCheckpoint, verify_checkpoint, verify_inclusion


def verify_logged(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder.")],
    url: UrlArgument,
    log_key: LogKeyOption,
    witness_key: WitnessKeyOption = None,
    witnesses: WitnessesOption = None,
    origin: OriginOption = "",
    issuer_key: IssuerKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that a bundle's attestation is in the log that everybody sees (`verify` checks the bundle itself)."""
    with reported_errors(as_json=as_json):
        from sealedbook.log_client import LogClient

        policy = read_policy(log_key, origin, witness_key, witnesses)
        signed = verify_attestation(existing_folder(bundle), issuer_key=read_issuer_key(issuer_key))
        entry = AttestationEntry.of(signed.attestation.to_bytes()).to_bytes()
        with LogClient(url) as client:
            checkpoint = verify_checkpoint(client.checkpoint(policy.threshold), policy, now=int(time.time()))
            served = client.inclusion_proof(leaf_hash(entry), checkpoint.size)
        verify_inclusion(entry, served.index, served.hashes, checkpoint)
        print_report(logged_report(signed, policy, checkpoint, served.index), as_json=as_json)


def logged_report(
    signed: SignedAttestation, policy: LogPolicy, checkpoint: VerifiedCheckpoint, index: int
) -> Report:
    """The report on an attestation whose inclusion was verified."""
    origin, size = checkpoint.checkpoint.origin, checkpoint.size
    cosigners = ", ".join(each.key.name for each in checkpoint.cosignatures)
    findings = [
        *issuer_findings(signed.attestation.book, signed),
        Finding("In the log", f"entry {index} of {size:,} of {origin}", Level.RECOMPUTED),
        Finding("Log", f"signed by the key that you gave ({policy.log_key.to_text()})", Level.SIGNED),
        Finding(
            "One log for all",
            f"cosigned by {cosigners}"
            if cosigners
            else "none of your witnesses cosigned: others may be shown another",
            Level.SIGNED if cosigners else Level.NOT_PROVEN,
        ),
        Finding(
            "Not taken back",
            "a later entry may take it back: `sealedbook monitor` reads them",
            Level.NOT_PROVEN,
        ),
        Finding("The bundle", "its files were not looked at: `sealedbook verify` does", Level.NOT_PROVEN),
    ]
    log_checks = [Check.LOG_CHECKPOINT, Check.LOG_ORIGIN, Check.LOG_SIGNATURE]
    if policy.threshold:
        log_checks.append(Check.LOG_WITNESSES)
    return Report(
        kind="logged attestation",
        verdict="The attestation is in the log.",
        checks=(*attestation_checks(signed), *log_checks, Check.LOG_INCLUSION),
        findings=tuple(findings),
        figures={
            **book_figures(signed.attestation.book),
            "attestation_digest": signed.digest.hex(),
            "issuer_key_expected": signed.key_expected,
            "log_origin": origin,
            "log_index": index,
            "log_size": size,
            "log_root": checkpoint.root.hex(),
            "cosigners": [each.key.name for each in checkpoint.cosignatures],
        },
    )
