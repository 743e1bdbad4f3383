"""The operands of maxima and minima: expressions, integers, or one mapping that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from circuits.modelling.errors import ModelError
from circuits.modelling.expressions import Expression, integer

if TYPE_CHECKING:
    from circuits.modelling.model import Model

Operands: TypeAlias = Expression | int | Mapping[str, Expression | int]
_SHOWN: Final = 100


def named_operands(
    gadget: str, operands: Sequence[Operands]
) -> tuple[list[tuple[str, Expression]], int | None, Model]:
    """The operands that are no constants, by name; the extreme constant; and the model.

    For ``minimum`` the constant is negated, so that the greatest is the one that counts in either case. Names
    default to 1, 2, ... Raises `ModelError` if there is no expression among them.
    """
    named: list[tuple[str, Expression | int]] = []
    for number, operand in enumerate(operands, start=1):
        if isinstance(operand, Mapping):
            if len(operands) > 1:
                raise ModelError(f"{gadget}: give operands, or one mapping from names to operands")
            named = list(operand.items())
        else:
            named.append((str(number), operand))
    expressions = [(name, operand) for name, operand in named if isinstance(operand, Expression)]
    if not expressions:
        raise ModelError(f"{gadget} needs an expression among its operands")
    model = expressions[0][1].model
    if any(expression.model is not model for _, expression in expressions):
        raise ModelError("expressions of two models cannot be combined")
    constants = [integer(operand, gadget) for _, operand in named if not isinstance(operand, Expression)]
    constants += [expression.constant for _, expression in expressions if expression.is_constant]
    sign = -1 if gadget == "minimum" else 1
    constant = max((sign * value for value in constants), default=None)
    return [(name, e) for name, e in expressions if not e.is_constant], constant, model


def operator_text(
    gadget: str, pieces: Sequence[tuple[str, Expression]], constant: int | None, label: str | None
) -> str:
    """The label in brackets if there is one, else the formula if it is short."""
    if label is not None:
        return f"[{label}]"
    parts = [str(piece) for _, piece in pieces[:4]]
    text = f"{gadget}({', '.join([*parts, *([] if constant is None else [str(constant)])])})"
    return text if len(pieces) <= 4 and len(text) <= _SHOWN else f"{gadget} of {len(pieces)}"
