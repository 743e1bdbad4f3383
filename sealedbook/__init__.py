"""The command line of sealedbook."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sealedbook")
except PackageNotFoundError:  # a source tree that was not installed
    __version__ = "unknown"
