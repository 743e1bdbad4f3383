"""Fixtures that several files use."""

from __future__ import annotations

from pathlib import Path

import pytest
from sealing_support import AVAILABLE_BACKENDS, Sealed, fastest_backend, seal

from primitives.backend import Backend
from primitives.backends import get_backend


@pytest.fixture(scope="session", params=AVAILABLE_BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend that can be loaded here."""
    return get_backend(request.param)


@pytest.fixture(scope="session")
def sealed(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """The small book sealed by each backend: five accounts, eight leaves. Not to be changed: `Sealed.copy`."""
    return seal(tmp_path_factory.mktemp("sealed"), backend)


@pytest.fixture(scope="session")
def sealed_once(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """The same by the fastest backend alone. Not to be changed: `Sealed.copy`."""
    return seal(tmp_path_factory.mktemp("sealed-once"), fastest_backend())


@pytest.fixture
def tampered(sealed: Sealed, tmp_path: Path) -> Sealed:
    """A copy of `sealed` to tamper with."""
    return sealed.copy(tmp_path / "copy")


@pytest.fixture
def tampered_once(sealed_once: Sealed, tmp_path: Path) -> Sealed:
    """A copy of `sealed_once` to tamper with."""
    return sealed_once.copy(tmp_path / "copy")
