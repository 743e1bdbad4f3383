"""Choosing a backend, and saying loudly when it is the slow one."""

from __future__ import annotations

import functools
import os
import warnings
from typing import Final

from primitives.backend import Backend
from primitives.errors import BackendUnavailableError

BACKEND_VARIABLE: Final = "SEALEDBOOK_BACKEND"
BACKEND_NAMES: Final = ("native", "reference")


class ReferenceBackendWarning(UserWarning):
    """The native backend is not installed; the reference backend is hundreds of times slower."""


def get_backend(name: str | None = None) -> Backend:
    """The backend called `name`, or the default.

    The default is what the environment variable ``SEALEDBOOK_BACKEND`` says, else ``native`` where it is
    installed, else ``reference`` with a `ReferenceBackendWarning`.

    Raises `BackendUnavailableError` for an unknown name, and for ``native`` asked for by name where it
    cannot be loaded (the message says how to build it).
    """
    chosen = name or os.environ.get(BACKEND_VARIABLE) or None
    if chosen is None:
        return _default_backend()
    if chosen == "native":
        return _native_backend()
    if chosen == "reference":
        return _reference_backend()
    raise BackendUnavailableError(f"unknown backend {chosen!r}: choose one of {', '.join(BACKEND_NAMES)}")


@functools.cache
def _native_backend() -> Backend:
    try:
        from primitives.native_backend import NativeBackend
    except (ImportError, BackendUnavailableError) as error:
        raise BackendUnavailableError(
            f"the native backend cannot be loaded ({error}). Install a Rust toolchain (rustup.rs) and "
            "reinstall sealedbook to build it, or use the reference backend (--backend reference)"
        ) from error
    return NativeBackend()


@functools.cache
def _reference_backend() -> Backend:
    from primitives.reference_backend import ReferenceBackend

    return ReferenceBackend()


@functools.cache
def _default_backend() -> Backend:
    try:
        return _native_backend()
    except BackendUnavailableError as error:
        warnings.warn(
            f"running on the reference backend, hundreds of times slower: {error}",
            ReferenceBackendWarning,
            stacklevel=3,
        )
        return _reference_backend()
