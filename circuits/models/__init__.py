"""Margin models as data: one module per kind, and the registry that model documents are dispatched by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from circuits.modelling.definition import ModelDefinition
from circuits.models.cross_collateral import CrossCollateral
from circuits.models.deribit_portfolio_margin import DeribitPortfolioMargin
from circuits.models.derive_standard_margin import DeriveStandardMargin
from circuits.models.hyperliquid_perpetuals import HyperliquidPerpetuals
from circuits.models.linear_perpetuals import LinearPerpetuals
from circuits.models.paradex_portfolio_margin import ParadexPortfolioMargin
from circuits.models.span import Span
from circuits.models.spot import Spot
from circuits.pmrm2.model import PortfolioMargin

MODEL_DEFINITIONS: Final[Mapping[str, type[ModelDefinition]]] = MappingProxyType(
    {
        definition.kind: definition
        for definition in (
            CrossCollateral,
            DeribitPortfolioMargin,
            DeriveStandardMargin,
            HyperliquidPerpetuals,
            LinearPerpetuals,
            ParadexPortfolioMargin,
            PortfolioMargin,
            Span,
            Spot,
        )
    }
)
"""Every kind of margin model, by the name it has in documents."""
