"""The auditor's report: one verification, told in one HTML file.

Made in three steps, of which each can be had alone: `examine` verifies, `report_contents` says what came of it as
data, `render` writes the page. `build_report` is all three.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from primitives.backend import Backend
from primitives.backends import get_backend
from sealedbook.report.contents import ReportContents, report_contents
from sealedbook.report.examination import Accepted, Examination, examine
from sealedbook.report.page import render
from sealedbook.report.pins import PinnedFile, Pins
from verifier.files import Progress, no_progress

__all__ = [
    "Accepted",
    "Examination",
    "PinnedFile",
    "Pins",
    "ReportContents",
    "build_report",
    "examine",
    "render",
    "report_contents",
    "report_page",
    "time_now",
]


def build_report(
    bundle: Path,
    pins: Pins | None = None,
    *,
    backend: Backend | None = None,
    at: datetime | None = None,
    progress: Progress = no_progress,
) -> str:
    """Verify the bundle in the folder `bundle` under `pins` and return the report as an HTML document.

    A rejected bundle gets a report too, which says so: see `Examination.outcome` of `examine` for the verdict as a
    value. With `at` (UTC, whole seconds) the report is the same each time; else it is stamped with the time now and
    says how long the verification took. Raises `primitives.errors.MissingToolError` where jinja2 is missing.
    """
    examination = examine(bundle, pins or Pins(), backend or get_backend(), progress=progress)
    return report_page(examination, at)


def report_page(examination: Examination, at: datetime | None = None) -> str:
    """The report on an examination, as an HTML document; `at` is as in `build_report`."""
    return render(report_contents(examination, at or time_now(), with_duration=at is None))


def time_now() -> datetime:
    """The time of a stamp: UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
