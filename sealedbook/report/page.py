"""From contents to one HTML file that loads nothing and runs nothing.

Every value passes through autoescaping, and before that through `sealedbook.report.text.visible`. The style sheet is
the only thing that the content security policy admits, by its digest; there are no scripts and no style attributes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from primitives.errors import MissingToolError
from sealedbook import __version__
from sealedbook.report.bars import COVER_WIDTH, STACK_WIDTH
from sealedbook.report.checks import Status
from sealedbook.report.contents import ReportContents
from sealedbook.report.text import is_digest, visible
from verifier.findings import Level

if TYPE_CHECKING:
    import jinja2

GENERATOR: Final = "sealedbook report"
"""What the file says it was made by, and how an older report is told from other files."""
_TEMPLATE: Final = "report.html.jinja"
_STYLE: Final = "report.css"
LEVEL_KEYS: Final = {level: level.name.lower().replace("_", "-") for level in Level}
"""Classes and icons of levels."""


def render(contents: ReportContents) -> str:
    """The report as an HTML document. Raises `MissingToolError` where jinja2 is not installed."""
    style = read_template(_STYLE)
    environment = _environment()
    return environment.get_template(_TEMPLATE).render(
        report=contents,
        # Text of ours, and the template marks it as safe: its digest stands in the policy.
        style=style,
        policy=content_security_policy(style),
        generator=f"{GENERATOR} {__version__}",
        version=__version__,
        level_keys=LEVEL_KEYS,
        levels=list(Level),
        statuses=list(Status),
        cover_width=COVER_WIDTH,
        stack_width=STACK_WIDTH,
    )


def content_security_policy(style: str) -> str:
    """Nothing is loaded, nothing runs, nothing is sent; `style` is the one style sheet."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _environment() -> jinja2.Environment:
    return template_environment(read_template)


def template_environment(read: Callable[[str], str]) -> jinja2.Environment:
    """Templates by name from `read`; every value is escaped and made visible. Raises `MissingToolError`."""
    try:
        import jinja2
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        raise MissingToolError("jinja2 is not installed: `pip install jinja2` for reports") from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["digest"] = is_digest
    return environment


def read_template(name: str) -> str:
    """A file of the templates of reports."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _finalized(value: Any) -> Any:
    """Values that are text are made visible; what a macro has made is markup already."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
