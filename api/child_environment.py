"""The environment of processes that work on what came from outside: without the service's secrets."""

from __future__ import annotations

import os
from typing import Final

from api.settings import PREFIX

_KEPT: Final = ("SEALEDBOOK_BACKEND", "SEALEDBOOK_CACHE")


def child_environment() -> dict[str, str]:
    """This process's environment, without any setting of the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name in _KEPT}
