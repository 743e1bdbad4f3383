"""How the command line speaks: plain words first, ``--json`` beside, stable exit codes.

Results go to standard output; progress, notes and errors to standard error.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from enum import IntEnum

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from primitives.backends import ReferenceBackendWarning
from primitives.errors import (
    BackendUnavailableError,
    MissingToolError,
    SealedbookError,
    UnreachableError,
    UnwritableError,
)
from primitives.strict_json import Json
from verifier.checks import VerificationError
from verifier.report import Level, Report


class ExitCode(IntEnum):
    """What a program that calls sealedbook can rely on."""

    ACCEPTED = 0
    REJECTED = 1
    USAGE = 2
    REFUSED_INPUT = 3
    ENVIRONMENT = 4
    INTERNAL = 70
    INTERRUPTED = 130


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would exit with 1, which says "rejected" here.
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), "standard output")


console = _Console(highlight=False, soft_wrap=True)
notes = _Console(stderr=True, highlight=False, soft_wrap=True)

_PROVER_MODULES = ("polars", "pyarrow")
_SERVICE_MODULES = (
    "fastapi", "starlette", "pydantic", "pydantic_settings", "uvicorn", "sqlalchemy", "alembic", "psycopg", "pymerkle",
    "jwt", "cryptography", "limits", "prometheus_client", "structlog", "fsspec",
)  # fmt: skip
_STYLES = {
    Level.PROVEN: "bold green",
    Level.RECOMPUTED: "green",
    Level.SIGNED: "cyan",
    Level.CLAIMED: "yellow",
    Level.HIDDEN: "dim",
    Level.NOT_PROVEN: "bold yellow",
}


def print_json(document: Json) -> None:
    """One JSON document on standard output, in ASCII whatever the terminal's encoding."""
    try:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        sys.stdout.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def shown(text: str) -> str:
    """Text from outside, to be printed: neither markup nor control characters in it take effect.

    What is not printable stands in escapes, line breaks among it: a terminal obeys escape sequences, and a line
    of one's own could pass for a line of the report.
    """
    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text))


def _shown_lines(text: str) -> str:
    return "\n".join(shown(line) for line in text.split("\n"))


def print_report(report: Report, *, as_json: bool) -> None:
    """An accepted verification."""
    if as_json:
        print_json(report.to_json())
        return
    console.print(f"[bold green]ACCEPTED[/]  {shown(report.verdict)}\n")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for finding in report.findings:
        table.add_row(
            f"[{_STYLES[finding.level]}]{finding.level.value}[/]",
            shown(finding.subject),
            shown(finding.text),
        )
    console.print(table)
    console.print(f"\n[dim]Checks passed: {escape(', '.join(check.value for check in report.checks))}[/]")
    levels = list(dict.fromkeys(finding.level for finding in report.findings))
    for level in levels:
        console.print(f"[dim]{level.value}: {level.meaning}[/]")


@contextlib.contextmanager
def progress_bar() -> Iterator[ProgressBars]:
    """Progress bars on standard error while the block runs; silent where that is not a terminal."""
    bars = ProgressBars()
    with bars.display:
        yield bars


class ProgressBars:
    """One bar per stage; callable as a `prover.progress.Progress`."""

    def __init__(self) -> None:
        self.display = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=notes,
            disable=not notes.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show `done` of `total` for `stage`."""
        if stage not in self._tasks:
            self._tasks[stage] = self.display.add_task(stage, total=total)
        self.display.update(self._tasks[stage], completed=done, total=total)


@contextlib.contextmanager
def reported_errors(*, as_json: bool) -> Iterator[None]:
    """Turn every failure into a message and an exit code (`SystemExit`)."""
    try:
        with _classified_errors(as_json=as_json):
            yield
    finally:
        _discard_unwritable_output()


@contextlib.contextmanager
def _classified_errors(*, as_json: bool) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            warnings.simplefilter("always", ReferenceBackendWarning)
            yield
    except VerificationError as error:
        # Where standard output is what fails, the exit code alone tells; so for every error below.
        with contextlib.suppress(OSError):
            _print_rejection(error, as_json=as_json)
        raise SystemExit(ExitCode.REJECTED) from error
    except (BackendUnavailableError, MissingToolError) as error:
        _print_error("cannot run here", str(error), ExitCode.ENVIRONMENT, as_json=as_json)
        raise SystemExit(ExitCode.ENVIRONMENT) from error
    except UnwritableError as error:
        _print_error("cannot read or write", str(error), ExitCode.ENVIRONMENT, as_json=as_json)
        raise SystemExit(ExitCode.ENVIRONMENT) from error
    except UnreachableError as error:
        _print_error("cannot reach", str(error), ExitCode.ENVIRONMENT, as_json=as_json)
        raise SystemExit(ExitCode.ENVIRONMENT) from error
    except SealedbookError as error:
        _print_error("refused", str(error), ExitCode.REFUSED_INPUT, as_json=as_json)
        raise SystemExit(ExitCode.REFUSED_INPUT) from error
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in (*_PROVER_MODULES, *_SERVICE_MODULES):
            _print_fault(error, as_json=as_json)
            raise SystemExit(ExitCode.INTERNAL) from error
        extra, who = ("prover", "an issuer") if package in _PROVER_MODULES else ("api", "a service")
        text = f"{package} is not installed: `pip install 'sealedbook[{extra}]'` for what {who} does"
        _print_error("cannot run here", text, ExitCode.ENVIRONMENT, as_json=as_json)
        raise SystemExit(ExitCode.ENVIRONMENT) from error
    except OSError as error:
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        _print_error("cannot read or write", text, ExitCode.ENVIRONMENT, as_json=as_json)
        raise SystemExit(ExitCode.ENVIRONMENT) from error
    except MemoryError as error:
        _print_error("out of memory", "try fewer workers", ExitCode.ENVIRONMENT, as_json=as_json)
        raise SystemExit(ExitCode.ENVIRONMENT) from error
    except (KeyboardInterrupt, typer.Abort) as error:
        notes.print("[yellow]interrupted[/]; what was there before is untouched")
        raise SystemExit(ExitCode.INTERRUPTED) from error
    except Exception as error:
        _print_fault(error, as_json=as_json)
        raise SystemExit(ExitCode.INTERNAL) from error


def _discard_unwritable_output() -> None:
    """What cannot be written now must not fail once more, with a traceback, when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    notes.print(f"[bold yellow]WARNING[/] {_shown_lines(str(message))}")


def _print_rejection(error: VerificationError, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "result": "rejected",
                "check": error.check.value,
                "title": error.check.title,
                "detail": error.detail,
                "exit_code": int(ExitCode.REJECTED),
            }
        )
        return
    notes.print(f"[bold red]REJECTED[/]  check {escape(error.check.value)} failed: {shown(error.detail)}")
    notes.print(f"          The check: {escape(error.check.title)}.")


def _print_error(kind: str, text: str, code: ExitCode, *, as_json: bool) -> None:
    with contextlib.suppress(OSError):
        if as_json:
            print_json({"result": "error", "error": kind, "detail": text, "exit_code": int(code)})
            return
        notes.print(f"[bold red]{kind.upper()}[/]  {_shown_lines(text)}")


def _print_fault(error: Exception, *, as_json: bool) -> None:
    # Values may hold positions: frames and types only, never the message or locals.
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = f"{type(error).__name__}\n{frames}"
    _print_error("this is a fault of sealedbook", text, ExitCode.INTERNAL, as_json=as_json)
