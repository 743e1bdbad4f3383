"""The modelling language for statements: expressions, gadgets and constraints over an account's positions.

    model = Model(assets, cap=2**60)
    perpetual = model.position("BTC-PERP")
    size = absolute_value(perpetual)
    maintenance = maximum(350 * size, 7000 * size - 50_000_000, label="BTC maintenance")
    model.require_margin(model.position("USD") + 70_000 * perpetual, maintenance)
    statement = model.compile()

docs/modelling.md has the gadgets with their rows, and how to write a model.
"""

from circuits.modelling.booleans import is_active, sign_test, stepped_charge, tier_selector
from circuits.modelling.constraints import Constraint, band, count_at_most, either_or, equals
from circuits.modelling.curvature import Curvature
from circuits.modelling.errors import CurvatureError, ModelError
from circuits.modelling.expressions import Expression
from circuits.modelling.gadgets import (
    Split,
    absolute_value,
    majorant,
    maximum,
    minimum,
    positive_part,
    split,
    sum_of_largest,
    top_maximum,
    two_slopes,
)
from circuits.modelling.leaves import indicator, largest, order_statistic, smallest
from circuits.modelling.model import Model
from circuits.modelling.numeric import Numeric
from circuits.modelling.tables import ChargeTable, HaircutTable, charge_table, haircut_table
from circuits.modelling.tails import tail_quantile, tail_sum

__all__ = [
    "ChargeTable",
    "Constraint",
    "Curvature",
    "CurvatureError",
    "Expression",
    "HaircutTable",
    "Model",
    "ModelError",
    "Numeric",
    "Split",
    "absolute_value",
    "band",
    "charge_table",
    "count_at_most",
    "either_or",
    "equals",
    "haircut_table",
    "indicator",
    "is_active",
    "largest",
    "majorant",
    "maximum",
    "minimum",
    "order_statistic",
    "positive_part",
    "sign_test",
    "smallest",
    "split",
    "stepped_charge",
    "sum_of_largest",
    "tail_quantile",
    "tail_sum",
    "tier_selector",
    "top_maximum",
    "two_slopes",
]
