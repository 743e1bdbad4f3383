"""How the demonstration speaks: headings, short sentences, commands to repeat, progress while it works.

Everything is plain text first; colours only underline it.
"""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sealedbook.output import ExitCode
from verifier.findings import Finding, Level

MAXIMUM_WIDTH: Final = 100
_INDENT: Final = 3
_SPEAK_SECONDS: Final = 2.0
_LONG_TEXT: Final = 200
_SUBJECT_WIDTH: Final = 22
_STYLES: Final = {
    Level.PROVEN: "bold green",
    Level.RECOMPUTED: "green",
    Level.SIGNED: "cyan",
    Level.CLAIMED: "yellow",
    Level.HIDDEN: "dim",
    Level.NOT_PROVEN: "bold yellow",
}


@dataclass(frozen=True)
class ShownCommand:
    """A command line that was shown, word by word, and the exit code that the text around it promises."""

    words: tuple[str, ...]
    exit_code: ExitCode


class Stage:
    """Prints to `console`, at most 100 columns wide; what moves is shown on `notes`."""

    def __init__(self, console: Console, notes: Console) -> None:
        self._console = console
        self._notes = notes
        self._width = min(console.width, MAXIMUM_WIDTH)
        self.commands: list[ShownCommand] = []
        """Every command line shown, in order."""

    def heading(self, text: str) -> None:
        """A heading above everything that follows."""
        self._print(Text(""))
        self._print(Rule(Text(text, style="bold"), align="left", characters="─"))

    def say(self, text: str, style: str = "") -> None:
        """A paragraph."""
        self._paragraph(Text(text, style=style))

    def result(self, text: str, style: str = "bold green") -> None:
        """What came out: the first word stands out."""
        word, _, rest = text.partition(" ")
        self._paragraph(Text.assemble((word, style), " ", rest))

    def blank(self) -> None:
        """An empty line."""
        self._print(Text(""))

    def command(self, *words: object, exit_code: ExitCode = ExitCode.ACCEPTED) -> None:
        """The command line that does the same, ready to be copied; it ends with `exit_code`."""
        texts = tuple(str(word) for word in words)
        self.commands.append(ShownCommand(texts, exit_code))
        for line in wrap_command(texts, self._width - _INDENT):
            self._console.print(
                " " * _INDENT + line,
                style="cyan",
                markup=False,
                no_wrap=True,
                crop=False,
                overflow="ignore",
                soft_wrap=False,
            )

    def block(self, text: str) -> None:
        """What a command prints, line by line, set off from the rest."""
        for line in text.splitlines():
            wrapped = Text(line.strip()).wrap(self._console, self._width - 2 * _INDENT)
            for part in wrapped:
                part.rstrip()
                self._print(Text(" " * 2 * _INDENT) + part)

    def document(self, data: bytes) -> None:
        """A small document, as it is."""
        self.block(data.decode())

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Names and what they are, in two columns."""
        table = _grid()
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for name, text in rows:
            table.add_row(escape(name), escape(text))
        self._print(Padding(table, (0, 0, 0, _INDENT)))

    def findings(self, findings: Sequence[Finding], *, shortened: bool = False) -> None:
        """Findings with their levels; `shortened` cuts long texts, visibly."""
        table = _grid()
        table.add_column(no_wrap=True)
        table.add_column(style="bold", max_width=_SUBJECT_WIDTH)
        table.add_column(overflow="fold", ratio=1)
        for finding in findings:
            level = Text(finding.level.value, style=_STYLES[finding.level])
            text = _shortened(finding.text) if shortened else finding.text
            table.add_row(level, escape(finding.subject), escape(text))
        self._print(Padding(table, (0, 0, 0, _INDENT)))

    @contextlib.contextmanager
    def working(self, whole: str) -> Iterator[Bars]:
        """Show that work goes on: moving bars on a terminal, a line every two seconds elsewhere."""
        bars = Bars(self._notes, " " * _INDENT, whole)
        with bars.shown():
            yield bars

    def _paragraph(self, text: Text) -> None:
        # Wrapped here: padded to the full width, lines would end in blanks.
        for line in text.wrap(self._console, self._width - _INDENT):
            line.rstrip()
            self._print(Text(" " * _INDENT) + line)

    def _print(self, content: RenderableType) -> None:
        self._console.print(content, width=self._width, soft_wrap=False)


class Bars:
    """One bar per stage; callable as a `prover.progress.Progress`.

    Between stages, and until the first one reports, the work as a whole is shown.
    """

    def __init__(self, notes: Console, indent: str, whole: str) -> None:
        self._notes = notes
        self._indent = indent
        self._whole = whole
        self._current = whole
        self._display = Progress(
            TextColumn(indent + "{task.description}"),
            SpinnerColumn("line"),
            BarColumn(),
            TimeElapsedColumn(),
            console=notes,
            transient=True,
            disable=not notes.is_terminal,
        )
        self._tasks = {whole: self._display.add_task(whole, total=None)}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` of `stage`."""
        if stage not in self._tasks:
            self._tasks[stage] = self._display.add_task(stage, total=None)
        self._current = stage if done < total else self._whole
        # A bar that has not moved yet pulses: some stages report whole chunks only.
        self._display.update(self._tasks[stage], completed=done, total=total if done else None)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Move, or speak, while the block runs."""
        if self._notes.is_terminal:
            with self._display:
                yield
            return
        finished = threading.Event()
        voice = threading.Thread(target=self._speak, args=(finished,), daemon=True)
        voice.start()
        try:
            yield
        finally:
            finished.set()
            voice.join()

    def _speak(self, finished: threading.Event) -> None:
        while not finished.wait(_SPEAK_SECONDS):
            self._notes.print(f"{self._indent}… {self._current}", style="dim", markup=False)


def wrap_command(words: Sequence[str], width: int) -> list[str]:
    """A command line in lines of at most `width` where possible; an option keeps its value beside it."""
    pieces: list[str] = []
    for word in words:
        quoted = shlex.quote(word)
        if pieces and pieces[-1].startswith("--") and " " not in pieces[-1] and not word.startswith("--"):
            pieces[-1] += f" {quoted}"
        else:
            pieces.append(quoted)
    lines = ["$"]
    for piece in pieces:
        if lines[-1] != "$" and len(lines[-1]) + len(piece) + 3 > width:
            lines[-1] += " \\"
            lines.append("     " + piece)
        else:
            lines[-1] += f" {piece}"
    return lines


def _shortened(text: str) -> str:
    """`text`, cut after a word if it is long."""
    return text if len(text) <= _LONG_TEXT else text[:_LONG_TEXT].rpartition(" ")[0] + " …"


def _grid() -> Table:
    return Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
