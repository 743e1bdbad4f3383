"""Choosing the range argument's kernels: those of the backend, where it has some of its own."""

from __future__ import annotations

from primitives.backend import Backend
from primitives.kernels import ArgumentKernels
from primitives.reference_kernels import ReferenceKernels


def get_kernels(backend: Backend) -> ArgumentKernels:
    """Native kernels for the native backend, the reference kernels for any other."""
    if backend.name == "native":
        # Imported here: where the native backend is not installed, this module cannot be loaded.
        from primitives.native_backend import NativeBackend
        from primitives.native_kernels import NativeKernels

        if isinstance(backend, NativeBackend):
            return NativeKernels(backend)
    return ReferenceKernels(backend)
