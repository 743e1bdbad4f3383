"""The prover of the range argument: makes proofs, and keeps what proofs have in common."""

from __future__ import annotations

from primitives.argument_instance import ArgumentInstance
from primitives.backend import Backend
from primitives.generators import Generators
from primitives.kernels import ArgumentKernels
from prover.argument.proof_run import ProofRun, ProverContext
from prover.argument.randomness import ProofRandomness
from prover.argument.witness import Witness


class ArgumentProver:
    """Makes proofs. Keeps the tables of the bit-row columns between batches of the same R.

    Not constant-time: running time may depend on the witness (docs/notes-range-argument.md).
    """

    _run_type: type[ProofRun] = ProofRun

    def __init__(self, backend: Backend, kernels: ArgumentKernels, generators: Generators) -> None:
        self._context = ProverContext(backend, kernels, generators)

    def prove(
        self, instance: ArgumentInstance, witness: Witness, randomness: ProofRandomness | None = None
    ) -> bytes:
        """The proof (NARG string), ``instance.shape.proof_bytes`` long.

        `randomness` is drawn from the operating system unless given (for test vectors). The proof is not
        checked: a witness that does not satisfy the statement gives one that no verifier accepts.

        Raises `ValueError` if the witness does not have the sizes of the instance, and
        `primitives.argument_relation.DegenerateChallengeError` with probability about 2n/r.
        """
        witness.check(instance.shape)
        chosen = ProofRandomness.fresh() if randomness is None else randomness
        scalars = chosen.for_proof(self._context.backend, instance, witness.bits)
        return self._run_type(self._context, instance, witness, scalars).run()


def prove(
    backend: Backend,
    kernels: ArgumentKernels,
    generators: Generators,
    instance: ArgumentInstance,
    witness: Witness,
    randomness: ProofRandomness | None = None,
) -> bytes:
    """One proof (see `ArgumentProver.prove`). For many batches make one `ArgumentProver`: it keeps tables."""
    return ArgumentProver(backend, kernels, generators).prove(instance, witness, randomness)
