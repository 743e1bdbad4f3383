"""``sealedbook``, and ``python -m sealedbook``."""

from __future__ import annotations

import io
import os
import sys

import typer

from sealedbook import __version__
from sealedbook.commands import (
    book_command,
    certify_command,
    certify_top_up_command,
    check_command,
    commit_command,
    demo_command,
    fetch_command,
    import_command,
    init_command,
    inspect_command,
    log_entry_command,
    log_key_command,
    margin_command,
    market_command,
    model_command,
    monitor_command,
    open_command,
    plan_command,
    prove_command,
    publish_command,
    remark_command,
    report_command,
    serve_command,
    solvency_command,
    token_command,
    update_command,
    verify_certificate_command,
    verify_command,
    verify_logged_command,
    verify_top_up_command,
)
from sealedbook.output import console

app = typer.Typer(
    name="sealedbook",
    help="Seal an exchange's book, prove what it covers, and let everybody check.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init")(init_command.init)
app.command("import")(import_command.import_)
app.command("commit")(commit_command.commit)
app.command("prove")(prove_command.prove)
app.command("remark")(remark_command.remark)
app.command("update")(update_command.update)
app.command("prove-solvency")(solvency_command.prove_solvency)
app.command("prove-book")(book_command.prove_book)
app.command("open")(open_command.open_)
app.command("check")(check_command.check)
app.command("verify")(verify_command.verify)
app.command("report")(report_command.report)
app.command("certify")(certify_command.certify)
app.command("verify-certificate")(verify_certificate_command.verify_certificate)
app.command("certify-top-up")(certify_top_up_command.certify_top_up)
app.command("verify-top-up")(verify_top_up_command.verify_top_up)
app.command("verify-logged")(verify_logged_command.verify_logged)
app.command("monitor")(monitor_command.monitor)
app.command("revoke")(log_entry_command.revoke)
app.command("rotate")(log_entry_command.rotate)
app.add_typer(log_key_command.app, name="log-key")
app.command("plan")(plan_command.plan)
app.command("inspect")(inspect_command.inspect)
app.add_typer(model_command.app, name="model")
app.add_typer(margin_command.app, name="margin")
app.add_typer(market_command.app, name="market")
app.command("serve")(serve_command.serve)
app.add_typer(serve_command.app, name="service")
app.command("publish")(publish_command.publish)
app.command("fetch")(fetch_command.fetch)
app.add_typer(token_command.app, name="token")
app.command("demo")(demo_command.demo)


def _print_version(requested: bool) -> None:
    if requested:
        console.print(f"sealedbook {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    if sys.stdout is None:  # closed by the caller, who wants the exit code alone
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (open until the interpreter ends)
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding does not have is shown in escapes, not met with an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


if __name__ == "__main__":
    main()
