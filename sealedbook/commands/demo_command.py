"""``sealedbook demo`` (the demonstration itself is in `sealedbook.demo`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from primitives.backends import get_backend
from sealedbook.commands.serve_command import serve
from sealedbook.options import BackendOption, JsonOption, OptionError
from sealedbook.output import ExitCode, console, notes, print_json, reported_errors


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything the demonstration makes.")] = Path(
        "out/demo"
    ),
    accounts: Annotated[
        int | None,
        typer.Option(
            "--accounts",
            min=16,
            max=1_000_000,
            help="Accounts to make up; 10,000 if not given (50, in some minutes, on the reference backend).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides the made-up book.")] = 2026,
    keep_serving: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Keep the service of an earlier run up; run the demonstration first if there is none.",
        ),
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="The port to listen at, with --serve.")
    ] = 8080,
    backend: BackendOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make up an exchange's book, seal it, prove it, verify it, certify accounts, try to cheat, and run a risk desk.

    Every step says what it does and why, and shows the commands that do the same. The folder is made anew
    by every run; a folder with anything else in it is left alone.
    """
    with reported_errors(as_json=as_json):
        from sealedbook.demo.errors import DemoFailedError
        from sealedbook.demo.keep import is_complete, tell_what_is_there
        from sealedbook.demo.run import default_accounts, run_demo, summary
        from sealedbook.demo.scene import DemoOptions
        from sealedbook.demo.service import HOST
        from sealedbook.demo.stage import Stage

        if keep_serving and as_json:
            raise OptionError("--serve goes on until it is stopped, and has nothing to say in JSON")
        if keep_serving and is_complete(out):
            serve(HOST, port, config=tell_what_is_there(out, Stage(console, notes), port))
            return
        engine = get_backend(backend)
        options = DemoOptions(out, accounts or default_accounts(engine), seed)
        stage = Stage(Console(quiet=True), Console(quiet=True)) if as_json else Stage(console, notes)
        try:
            scene = run_demo(options, engine, stage)
        except DemoFailedError as error:
            if as_json:
                print_json({"result": "failed", "detail": str(error), "exit_code": int(ExitCode.INTERNAL)})
            else:
                notes.print(f"\n[bold red]THE DEMONSTRATION FAILED[/]  {escape(str(error))}")
            raise SystemExit(ExitCode.INTERNAL) from error
        if as_json:
            print_json(summary(scene))
        if keep_serving:
            serve(HOST, port, config=tell_what_is_there(out, stage, port))
