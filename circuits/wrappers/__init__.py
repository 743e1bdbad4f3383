"""Models that are built around a margin model: what can be withdrawn, what is survived, what a fund covers."""
