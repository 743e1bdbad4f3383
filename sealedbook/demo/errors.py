"""What can go wrong with the demonstration itself."""

from __future__ import annotations

from primitives.errors import SealedbookError


class DemoFolderError(SealedbookError):
    """The output folder is not one that the demonstration may fill."""


class DemoFailedError(SealedbookError):
    """A step did not do what it says it shows: sealedbook is broken, and says so."""
