"""The market snapshot, scenarios, and the integer risk array that statements are made of (docs/market.md)."""
