"""The service that publishes: attestations, their files, inclusion paths, the transparency log, the check page.

What everybody may read is kept apart from what belongs to one account holder: openings and certificates are made
from the vault, on demand, by processes that were given one (`api.settings`), for bearers of a token of that account.
"""
