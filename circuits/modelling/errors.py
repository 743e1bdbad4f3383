"""Why a model is refused."""

from __future__ import annotations

from primitives.errors import SealedbookError


class ModelError(SealedbookError, ValueError):
    """A model is malformed: the message says where and what to write instead."""


class CurvatureError(ModelError):
    """An expression enters where the prover could choose an auxiliary variable in their own favour.

    It would take a boolean to express it exactly; the message names the term and the remedy.
    """
