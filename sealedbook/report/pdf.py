"""The report as PDF: printed by a browser that is installed, from the HTML file that was written.

Chromium first, since it draws the page as auditors see it; else WeasyPrint where Python has it. The browser gets a
profile of its own and nothing to load: the page's content security policy admits nothing.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Final

from primitives.errors import MissingToolError
from sealedbook.report.page import GENERATOR

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Programs that print, by name on the search path, the first one found."""
_FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
)
_SECONDS: Final = 180
_HEAD_BYTES: Final = 4096
_CREATOR: Final = re.compile(rb"^/Creator \(((?:[^()\\\n]|\\.)*)\)", re.MULTILINE)
_DATES: Final = re.compile(rb"^(/(?:CreationDate|ModDate) \(D:)[0-9]{14}", re.MULTILINE)
_NOTHING_TO_PRINT_WITH: Final = (
    "a PDF needs a browser: install chromium (`apt install chromium`), "
    "or WeasyPrint (`pip install weasyprint`)"
)


class PdfError(MissingToolError):
    """No PDF came of the report: nothing is installed that prints, or what is there failed."""


def print_pdf(html: str, made_at: datetime) -> bytes:
    """`html` as PDF on A4 paper, dated `made_at` (UTC). Raises `PdfError`."""
    browser = find_browser()
    data = _print_with_browser(browser, html) if browser else _print_with_weasyprint(html)
    if not data.startswith(b"%PDF-") or not data.rstrip().endswith(b"%%EOF"):
        raise PdfError("what the browser printed is no PDF")
    return _stamped(data, made_at)


def find_browser() -> str | None:
    """The path of the browser that will print, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def is_report_pdf(head: bytes) -> bool:
    """Whether a PDF that begins with `head` was made by `print_pdf`."""
    return head.startswith(b"%PDF-") and f"({GENERATOR}".encode("ascii") in head[:_HEAD_BYTES]


def _print_with_browser(browser: str, html: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="sealedbook-report-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, printed = folder / "report.html", folder / "report.pdf"
        page.write_text(html, encoding="utf-8")
        # Chromium has no sandbox for root.
        flags = [*_FLAGS, *(("--no-sandbox",) if os.geteuid() == 0 else ())]
        command = [browser, *flags, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={printed}"]
        _run([*command, page.as_uri()])
        try:
            return printed.read_bytes()
        except OSError as error:
            raise PdfError(f"{browser} printed nothing") from error


def _run(command: list[str]) -> None:
    """Run a program that starts others, and leave none of them behind."""
    try:
        process = subprocess.Popen(  # noqa: S603 (a browser of the search path, and no shell)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise PdfError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        code = process.wait(timeout=_SECONDS)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise PdfError(f"{command[0]} did not finish within {_SECONDS} seconds") from error
        raise
    if code != 0:
        raise PdfError(f"{command[0]} failed with exit code {code}")


def _print_with_weasyprint(html: str) -> bytes:
    try:
        weasyprint = importlib.import_module("weasyprint")
    except (ImportError, OSError) as error:  # OSError: its native libraries are missing
        raise PdfError(_NOTHING_TO_PRINT_WITH) from error
    return bytes(weasyprint.HTML(string=html, url_fetcher=_fetch_nothing).write_pdf())


def _fetch_nothing(url: str) -> None:
    raise ValueError(f"a report loads nothing, and was asked for {url[:100]!r}")


def _stamped(data: bytes, made_at: datetime) -> bytes:
    """The same file with our name and time in it, byte for byte as long: a PDF points into itself by offsets."""

    def creator(match: re.Match[bytes]) -> bytes:
        name, length = GENERATOR.encode("ascii"), len(match[1])
        return b"/Creator (" + name.ljust(length) + b")" if length >= len(name) else match[0]

    head, rest = data[:_HEAD_BYTES], data[_HEAD_BYTES:]
    stamp = made_at.strftime("%Y%m%d%H%M%S").encode("ascii")
    return _DATES.sub(lambda match: match[1] + stamp, _CREATOR.sub(creator, head, count=1)) + rest
