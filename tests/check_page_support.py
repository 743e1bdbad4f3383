"""What the tests of the check page share: the built page, a browser that may reach nothing, tall trees."""

from __future__ import annotations

import fcntl
import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

from primitives.backend import Backend
from primitives.opening import Opening
from primitives.sum_tree import SumNode, climb_path

WEB: Final = Path(__file__).resolve().parent.parent / "web"
CHROMIUM: Final = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE: Final = 60_000
"""Milliseconds after which a page is stuck; machines that run tests may be very busy."""


def what_is_missing() -> str | None:
    """Why the page cannot be tested here, or None."""
    if shutil.which("npm") is None:
        return "node and npm are not installed: THE CHECK PAGE IS NOT TESTED"
    if not CHROMIUM.exists():
        return f"{CHROMIUM} is not there: THE CHECK PAGE IS NOT TESTED"
    return None


def build_page(folder: Path) -> Path:
    """Build the page into `folder` and return the file. Dependencies are installed first if they are not there."""
    with (WEB / "package-lock.json").open() as lock:
        # Several test processes may come here at once; one of them installs.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (WEB / "node_modules").is_dir():
            _run(["npm", "ci", "--no-audit", "--no-fund"], "its dependencies cannot be installed")
    _run(["npm", "run", "build", "--", "--outDir", str(folder), "--emptyOutDir"], "it does not build")
    return folder / "index.html"


def _run(command: Sequence[str], problem: str) -> None:
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"the check page: {problem}:\n{done.stdout}\n{done.stderr}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=list(CHROMIUM_ARGUMENTS), timeout=PATIENCE
        )
        yield browser
        browser.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`folder` over HTTP on this machine; the address."""
    handler = partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Watched:
    """A page, and all that it tried: requests, complaints of the browser, violations of its policy."""

    page: Page
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def assert_silent(self) -> None:
        """Nothing was asked for but the page itself, and the browser had nothing to complain about."""
        assert [url for url in self.requests if url != self.address] == []
        assert self.complaints == []
        assert self.page.evaluate("window.policyViolations") == []

    # What a user does.

    def add(self, *files: Path | tuple[str, bytes]) -> None:
        """Choose files."""
        chosen: list[Any] = [
            file if isinstance(file, Path) else {"name": file[0], "mimeType": "", "buffer": file[1]}
            for file in files
        ]
        self.page.get_by_label("Choose files", exact=True).set_input_files(chosen)

    def add_folder(self, folder: Path) -> None:
        """Choose a folder."""
        self.page.get_by_label("Choose a folder", exact=True).set_input_files(folder)

    def type(self, label: str, text: str) -> None:
        """Type into a field, unfolding what hides it."""
        target = self.page.get_by_label(label, exact=True)
        if not target.is_visible():
            # Not by a click: the page opens it by itself as soon as it has read files without a signature.
            self.page.locator("details.elsewhere").evaluate("details => { details.open = true; }")
        target.fill(text)

    def choose_task(self, words: str) -> None:
        self.page.get_by_label(words).check()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def check(self) -> Locator:
        """Press Check and wait for the verdict."""
        self.press("Check")
        return self.verdict()

    def verdict(self) -> Locator:
        verdict = self.page.locator(".verdict")
        expect(verdict).to_be_visible()
        return verdict

    # What a user sees.

    def assert_accepted(self, words: str) -> None:
        verdict = self.verdict()
        expect(verdict).to_contain_text("Accepted")
        expect(verdict).to_contain_text(words)
        expect(self.page.locator("#announcement")).to_contain_text(words)

    def assert_rejected(self, check: str, words: str) -> None:
        verdict = self.verdict()
        expect(verdict).to_contain_text("Rejected")
        expect(verdict.locator(".failure code")).to_have_text(check)
        expect(verdict).to_contain_text(words)
        expect(verdict).to_contain_text("What to do now")
        expect(self.page.locator("#announcement")).to_contain_text("Rejected")
        expect(self.page.locator(".check-failed")).to_contain_text(check)

    def problem(self) -> Locator:
        return self.page.locator(".problems")


def watch(context: BrowserContext, address: str) -> Watched:
    """Open `address` with every request recorded and all but the page itself refused."""
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    context.add_init_script(
        "window.policyViolations = [];"
        "document.addEventListener('securitypolicyviolation', (event) =>"
        " window.policyViolations.push(event.violatedDirective + ' ' + event.blockedURI));"
    )
    page = context.new_page()
    watched = Watched(page, address)

    def seen(request: Request) -> None:
        # Inside the browser, without any connection: the worker, the icon, pictures of codes.
        if not request.url.startswith(("blob:", "data:")):
            watched.requests.append(request.url)

    def refuse(route: Route) -> None:
        if route.request.url == address:
            route.continue_()
        else:
            route.abort()

    context.on("request", seen)
    context.route("**/*", refuse)
    page.on("console", lambda message: watched.complaints.append(message.text))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return watched


def deep_opening(opening: Opening, height: int, backend: Backend) -> Opening:
    """`opening` under a root of a tree of this height, whose other leaves nobody knows.

    Neighbours are multiples of the leaf's own commitment under made-up hashes: all that a path shows of them.
    """
    commitment = backend.points_from_compressed(opening.commitment)
    index = int.from_bytes(hashlib.sha256(b"deep").digest()[:4]) % (1 << height)
    doubled = commitment
    path: list[SumNode] = []
    for level in range(height):
        doubled = doubled.add(doubled)
        path.append(SumNode(hashlib.sha256(level.to_bytes(1)).digest(), doubled.to_compressed()))
    root = climb_path(backend, opening.tag, commitment, index, path)
    book = replace(opening.book, root=root, leaf_count=1 << height)
    return replace(opening, book=book, leaf_index=index, path=tuple(path))


def serious(violations: Sequence[dict[str, Any]]) -> list[str]:
    """Those that keep somebody from using the page, in one line each."""
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
