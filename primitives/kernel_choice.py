"""Which kernels go with which backend."""

from __future__ import annotations

from primitives.backend import Backend
from primitives.kernels import ArgumentKernels
from primitives.reference_kernels import ReferenceKernels


def get_kernels(backend: Backend) -> ArgumentKernels:
    """The kernels of the range argument's prover that go with `backend`."""
    return ReferenceKernels(backend)
