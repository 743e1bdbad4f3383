"""Margin models as data: one module per kind, and the registry that model documents are dispatched by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from circuits.modelling.definition import ModelDefinition
from circuits.models.allocation import Allocation
from circuits.models.cross_collateral import CrossCollateral
from circuits.models.deribit_portfolio_margin import DeribitPortfolioMargin
from circuits.models.derive_standard_margin import DeriveStandardMargin
from circuits.models.expected_shortfall import ExpectedShortfall
from circuits.models.greeks_limits import BalancedBook, GreeksLimits
from circuits.models.hyperliquid_perpetuals import HyperliquidPerpetuals
from circuits.models.linear_perpetuals import LinearPerpetuals
from circuits.models.paradex_portfolio_margin import ParadexPortfolioMargin
from circuits.models.span import Span
from circuits.models.spot import Spot
from circuits.models.stress import Stress
from circuits.models.value_at_risk import ValueAtRisk
from circuits.pmrm2.model import PortfolioMargin
from circuits.wrappers.capital_adequacy import CapitalAdequacy
from circuits.wrappers.insured import Insured
from circuits.wrappers.survives import Survives
from circuits.wrappers.withdrawable import Withdrawable

MODEL_DEFINITIONS: Final[Mapping[str, type[ModelDefinition]]] = MappingProxyType(
    {
        definition.kind: definition
        for definition in (
            CapitalAdequacy,
            Allocation,
            BalancedBook,
            CrossCollateral,
            DeribitPortfolioMargin,
            DeriveStandardMargin,
            ExpectedShortfall,
            GreeksLimits,
            HyperliquidPerpetuals,
            Insured,
            LinearPerpetuals,
            ParadexPortfolioMargin,
            PortfolioMargin,
            Span,
            Spot,
            Stress,
            Survives,
            ValueAtRisk,
            Withdrawable,
        )
    }
)
"""Every kind of margin model, by the name it has in documents."""
