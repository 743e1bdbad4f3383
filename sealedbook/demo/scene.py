"""What the steps of a demonstration share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from primitives.attestation import ATTESTATION_NAME, Attestation, format_time
from primitives.backend import Backend
from primitives.certificate import Certificate
from primitives.opening import Opening
from prover.prove_book import BookProof
from prover.solvency import SolvencyProof
from prover.vault import Vault
from sealedbook.demo.book import DemoBook
from sealedbook.demo.market import AS_OF
from sealedbook.demo.risk.record import RiskRecord
from sealedbook.demo.stage import Stage
from sealedbook.demo.workspace import Workspace
from verifier.bundle import VerifiedBundle
from verifier.certificate import VerifiedCertificate
from verifier.findings import Finding
from verifier.opening import VerifiedOpening

MARGIN_CLAIM: Final = "margin"
MOMENT: Final = format_time(AS_OF)
"""The moment that every book of the demonstration speaks of, as it is typed."""


@dataclass(frozen=True)
class DemoOptions:
    """What the audience asked for."""

    out: Path
    accounts: int
    seed: int


@dataclass(frozen=True)
class Refusal:
    """An attempt to cheat, and the check or command that refused it."""

    attempt: str
    check: str
    detail: str


@dataclass(frozen=True)
class Step:
    """One step: its title and what it does. `run` says why before it works."""

    title: str
    run: Callable[[Scene], None]


@dataclass
class Scene:
    """The state that a step leaves to the next ones. Fields without a value are set by the steps."""

    options: DemoOptions
    space: Workspace
    stage: Stage
    engine: Backend
    made: DemoBook = field(init=False)
    vault: Vault = field(init=False)
    proven: BookProof = field(init=False)
    margin: BookProof = field(init=False)
    covered: SolvencyProof = field(init=False)
    verified: VerifiedBundle = field(init=False)
    opened: list[Opening] = field(init=False, default_factory=list)
    checked: list[VerifiedOpening] = field(init=False, default_factory=list)
    certificate: Certificate = field(init=False)
    certified: VerifiedCertificate = field(init=False)
    margin_certificate: Certificate = field(init=False)
    margin_certified: VerifiedCertificate = field(init=False)
    refusals: list[Refusal] = field(init=False, default_factory=list)
    risk: RiskRecord = field(init=False, default_factory=RiskRecord)
    findings: list[Finding] = field(init=False, default_factory=list)
    seconds: dict[str, float] = field(init=False, default_factory=dict)

    @property
    def issuer_key(self) -> bytes:
        """The issuer's public key, as an auditor knows it from elsewhere."""
        return bytes.fromhex(self.issuer_key_file.read_text(encoding="ascii").strip())

    @property
    def issuer_key_file(self) -> Path:
        """Where the issuer publishes its key from."""
        return self.space.vault / "issuer.pub"

    @staticmethod
    def book_digest(bundle: Path) -> bytes:
        """The digest of the book in a bundle of our own."""
        return Attestation.parse((bundle / ATTESTATION_NAME).read_bytes()).book.digest()

    def opening_file(self, opening: Opening) -> Path:
        """Where the opening of an account is kept."""
        return self.space.openings / f"{opening.account}.json"

    def perform(self, number: int, total: int, step: Step) -> None:
        """Run one step under its heading, and say how long it took."""
        self.stage.heading(f"{number} of {total}  {step.title}")
        start = time.perf_counter()
        step.run(self)
        self.seconds[step.title] = time.perf_counter() - start
        self.stage.blank()
        taken = self.seconds[step.title]
        self.stage.say(f"Done in {taken:.1f} s." if taken >= 0.05 else "Done at once.", style="dim")
