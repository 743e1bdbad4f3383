"""``risk.html``: all risk steps on one page that loads nothing and runs nothing. It is private: it shows figures."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from primitives.errors import MissingToolError
from prover.secret_file import write_private
from sealedbook import __version__
from sealedbook.demo.risk.figures.drawing import figure_style
from sealedbook.demo.scene import Scene
from sealedbook.demo.stage import ShownCommand, wrap_command
from sealedbook.report.page import LEVEL_KEYS, content_security_policy, read_template, template_environment
from verifier.findings import Level

if TYPE_CHECKING:
    import jinja2

_TEMPLATE: Final = "risk.html.jinja"
_COMMAND_WIDTH: Final = 110


def write_page(scene: Scene) -> None:
    """Figures as files, and the page that has them all; no page where jinja2 is not installed."""
    stage, space = scene.stage, scene.space.risk
    stage.say(
        "Each of the five steps left a figure. They come together on one page, beside what a verifier says: the "
        "figures are the desk's secret, the lines with levels are what everybody may know."
    )
    stage.blank()
    for section in scene.risk.sections:
        path = space.figures / f"{section.figure.name}.svg"
        write_private(path, section.figure.alone().encode())
    try:
        write_private(space.report, render(scene).encode())
    except MissingToolError as error:
        stage.facts([("Figures", str(space.figures)), ("Page", f"none: {error}")])
        return
    stage.facts([("Figures", str(space.figures)), ("Page", str(space.report))])
    stage.blank()
    stage.result(f"WRITTEN {len(scene.risk.sections)} figures and a page, for the desk alone.")


def render(scene: Scene) -> str:
    """The page. Raises `MissingToolError` where jinja2 is not installed."""
    style = "\n".join([read_template("report.css"), figure_style(), _read("risk.css")])
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            sections=scene.risk.sections,
            seed=scene.options.seed,
            style=style,
            policy=content_security_policy(style),
            version=__version__,
            level_keys=LEVEL_KEYS,
            levels=list(Level),
            command_text=_command_text,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return template_environment(_find)


def _find(name: str) -> str:
    return _read(name) if name == _TEMPLATE else read_template(name)


def _read(name: str) -> str:
    return (files("sealedbook.demo.risk") / "templates" / name).read_text(encoding="utf-8")


def _command_text(command: ShownCommand) -> str:
    return "\n".join(wrap_command(command.words, _COMMAND_WIDTH))
