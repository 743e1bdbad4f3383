"""The prover of the range argument (docs/protocol-proofs.md)."""

from prover.argument.randomness import ProofRandomness
from prover.argument.range_argument import ArgumentProver, prove
from prover.argument.witness import ArgumentWitness, TotalsWitness, Witness

__all__ = ["ArgumentProver", "ArgumentWitness", "ProofRandomness", "TotalsWitness", "Witness", "prove"]
