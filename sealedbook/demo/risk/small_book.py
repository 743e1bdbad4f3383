"""A small book of accounts, as both books of the risk steps are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from circuits.positions import PositionBatch
from primitives.assets import AssetList
from primitives.strict_json import canonical_json
from sealedbook.demo.book import Account, decimal_text


@dataclass(frozen=True)
class SmallBook:
    """Accounts by id, amounts in base units by column; zeros are left out."""

    assets: AssetList
    ids: tuple[str, ...]
    accounts: tuple[Account, ...] = field(repr=False)

    def positions(self) -> PositionBatch:
        """All accounts, in their order."""
        return PositionBatch.from_mappings(self.accounts)

    def whole(self, account: Account, asset: str) -> Decimal:
        """What an account holds of an asset, in whole units."""
        column = self.assets.index(asset)
        return Decimal(account.get(column, 0)).scaleb(-self.assets[column].decimals)

    def to_csv(self) -> str:
        """``account,asset,amount``; an empty account has one zero."""
        lines = ["account,asset,amount"]
        for name, account in zip(self.ids, self.accounts, strict=True):
            for column in sorted(account) or [0]:
                asset = self.assets[column]
                lines.append(f"{name},{asset.id},{decimal_text(account.get(column, 0), asset.decimals)}")
        return "\n".join(lines) + "\n"

    def assets_json(self) -> bytes:
        """The asset list as ``sealedbook import`` reads it."""
        return canonical_json({"format": "sealedbook/assets/v1", "assets": self.assets.to_json()}) + b"\n"


def base_units(assets: AssetList, amounts: Mapping[str, float]) -> dict[int, int]:
    """Whole units by asset to base units by column, cut towards zero; what is cut to nothing is left out."""
    cut = {
        assets.index(name): int(each * 10 ** assets[assets.index(name)].decimals)
        for name, each in amounts.items()
    }
    return {column: amount for column, amount in cut.items() if amount}
