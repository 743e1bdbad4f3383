"""``sealedbook serve`` and ``sealedbook service``: the service that publishes, and what its operator needs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from sealedbook.options import JsonOption
from sealedbook.output import console, notes, print_json, reported_errors

if TYPE_CHECKING:
    from api.settings import Settings

METRICS_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
app = typer.Typer(help="What the operator of a service needs.", no_args_is_help=True)


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen at.")] = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="How many processes answer.")] = 1,
    config: Annotated[
        Path | None, typer.Option("--config", help="The TOML file with settings (or SEALEDBOOK_CONFIG).")
    ] = None,
    migrate: Annotated[
        bool, typer.Option("--migrate/--no-migrate", help="Bring the database up to date first.")
    ] = True,
) -> None:
    """Run the service. Settings are SEALEDBOOK_... variables, or a TOML file; see the page on the service."""
    with reported_errors(as_json=False), contextlib.ExitStack() as stack:
        import uvicorn

        from api.application import create_app
        from api.http_protocol import BoundedHttpProtocol

        settings = _settings(config, migrate=migrate)
        if workers > 1 and METRICS_VARIABLE not in os.environ:
            folder = tempfile.TemporaryDirectory(prefix="sealedbook-metrics-", ignore_cleanup_errors=True)
            os.environ[METRICS_VARIABLE] = stack.enter_context(folder)
        # Made once here, so that settings that cannot work are told by name, and migrations run before workers start.
        application = create_app(settings)
        notes.print(f"Listening at http://{escape(host)}:{port}")
        common: dict[str, Any] = {
            "host": host,
            "port": port,
            "http": BoundedHttpProtocol,
            "ws": "none",
            "proxy_headers": False,
            "server_header": False,
            "access_log": False,
            "log_level": "warning",
            "timeout_graceful_shutdown": 20,
        }
        if workers == 1:
            uvicorn.run(application, **common)
        else:
            uvicorn.run("api.application:create_app", factory=True, workers=workers, **common)


@app.command("migrate")
def migrate_database(
    config: Annotated[Path | None, typer.Option("--config", help="The TOML file with settings.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the database up to date, as `sealedbook serve` does at its start."""
    with reported_errors(as_json=as_json):
        from api.database.engine import Database
        from api.database.migrate import upgrade

        settings = _settings(config, migrate=True)
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(settings.database_address)
        upgrade(database)
        database.close()
        if as_json:
            print_json({"result": "current"})
        else:
            console.print("The database is up to date.")


@app.command("credential")
def credential(
    name: Annotated[str, typer.Option("--name", help="Whose credential: letters, digits, dots, hyphens.")],
    out: Annotated[Path, typer.Option("--out", help="The file that the publisher keeps; mode 0600.")],
    as_json: JsonOption = False,
) -> None:
    """Make a publisher's credential. The line that is printed goes into the service's SEALEDBOOK_PUBLISHERS."""
    with reported_errors(as_json=as_json):
        from api.credentials import create_credential
        from prover.secret_file import write_private

        secret, line = create_credential(name)
        write_private(out, secret.encode() + b"\n")
        if as_json:
            print_json({"credential": str(out), "line": line})
        else:
            console.print(line)


@app.command("openapi")
def openapi() -> None:
    """Print the OpenAPI document of the service."""
    with reported_errors(as_json=False):
        from api.application import describe_app

        print_json(describe_app().openapi())


def _settings(config: Path | None, *, migrate: bool) -> Settings:
    from api.settings import CONFIG_VARIABLE, load_settings

    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    if not migrate:
        os.environ["SEALEDBOOK_MIGRATE"] = "false"
    return load_settings()
