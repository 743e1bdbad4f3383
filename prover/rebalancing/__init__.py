"""Margin rebalancing: smallest top-ups, largest withdrawals, and what a policy does over a price path."""
