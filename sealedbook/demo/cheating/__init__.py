"""Attempts to cheat. Each works on copies, and each has to be refused by the check that is named for it.

The files are left in ``cheating/``, so that every refusal can be repeated from the command line.
"""

from __future__ import annotations

from typing import Final

from sealedbook.demo.cheating.attempt import Attempt, PrivateRefusal, run_attempt
from sealedbook.demo.cheating.certificates import CERTIFICATE_ATTEMPTS
from sealedbook.demo.cheating.openings import OPENING_ATTEMPTS
from sealedbook.demo.cheating.proofs import PROOF_ATTEMPTS
from sealedbook.demo.cheating.reserves import RESERVES_ATTEMPTS
from sealedbook.demo.cheating.tree import TREE_ATTEMPTS

__all__ = ["ATTEMPTS", "ATTEMPT_GROUPS", "Attempt", "PrivateRefusal", "run_attempt"]

ATTEMPT_GROUPS: Final = (
    ("With what is published", TREE_ATTEMPTS),
    ("With what a holder is shown", OPENING_ATTEMPTS),
    ("With proofs about every account", PROOF_ATTEMPTS),
    ("With reserves", RESERVES_ATTEMPTS),
    ("With certificates", CERTIFICATE_ATTEMPTS),
)
ATTEMPTS: Final[tuple[Attempt, ...]] = tuple(attempt for _, group in ATTEMPT_GROUPS for attempt in group)
"""In this order: a later attempt may use the folder of an earlier one."""
