"""Figures for Prometheus. With several workers, ``PROMETHEUS_MULTIPROC_DIR`` names a folder that they share."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY as _PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("sealedbook_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "sealedbook_request_seconds",
    "Time to the end of the answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
PUBLICATIONS = Counter("sealedbook_publications", "Commits of publications, by result.", ["result"])


def render_metrics() -> bytes:
    """The text exposition of all workers."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return generate_latest(_PROCESS_REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
