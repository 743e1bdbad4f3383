"""The check page: one HTML file that account holders open in a browser, under a policy that lets it talk to nobody.

script-src and style-src hold the SHA-256 of each inline script and style of the page as it was read at start:
nothing that was put in on the way runs. connect-src 'none': an opening cannot leave the browser.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from api.settings import SettingsError

MAX_PAGE_BYTES: Final = 16 << 20
_PLACES: Final = (
    Path(__file__).parent / "check_page.html",
    Path(__file__).parent.parent / "web" / "dist" / "index.html",
)
_MISSING: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The check page is not built</title>
<h1>The check page is not built</h1>
<p>The service runs. To have its check page here, run <code>npm ci</code> and <code>npm run build</code> in
<code>web/</code>, or name a built page in <code>SEALEDBOOK_CHECK_PAGE</code>, and start the service again.</p>
<p>Openings can be checked without it: <code>sealedbook check --help</code>.</p>
</html>
"""


@dataclass(frozen=True)
class CheckPage:
    """The page's bytes, its content security policy, and its entity tag."""

    body: bytes
    policy: str
    etag: str
    built: bool


def load_check_page(place: Path | None) -> CheckPage:
    """The page at `place`, else the one that was installed or built, else a page that says how to build it."""
    if place is not None:
        try:
            return _page(_read(place), built=True)
        except OSError as error:
            raise SettingsError(f"check_page: cannot read {place}: {error.strerror or error}") from error
    for candidate in _PLACES:
        if candidate.is_file():
            return _page(_read(candidate), built=True)
    return _page(_MISSING.encode(), built=False)


def _read(place: Path) -> bytes:
    with place.open("rb") as file:
        data = file.read(MAX_PAGE_BYTES + 1)
    if len(data) > MAX_PAGE_BYTES:
        raise SettingsError(f"check_page: {place} has more than {MAX_PAGE_BYTES} bytes")
    return data


def _page(body: bytes, *, built: bool) -> CheckPage:
    finder = _InlineFinder()
    finder.feed(body.decode("utf-8"))
    finder.close()
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(finder.scripts)}",
            f"style-src {_hashes(finder.styles)}",
            "worker-src blob:",
            "img-src data:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
    return CheckPage(body, policy, f'"{hashlib.sha256(body).hexdigest()}"', built)


def _hashes(texts: list[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"


class _InlineFinder(HTMLParser):
    """The text of every inline script and style, exactly as a browser hashes it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._current: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style") and not any(name == "src" for name, _ in attrs):
            self._current = self.scripts if tag == "script" else self.styles
            self._current.append("")

    def handle_data(self, data: str) -> None:
        if self._current is not None:
            # Browsers see line feeds alone (HTML, preprocessing the input stream).
            self._current[-1] += data.replace("\r\n", "\n").replace("\r", "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._current = None
