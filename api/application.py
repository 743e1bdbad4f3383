"""The application: everything that a process serves, put together from its settings."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib import metadata
from typing import Any, Final, cast

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.check_page import load_check_page
from api.credentials import Publishers
from api.database.engine import Database
from api.database.migrate import check_current, upgrade
from api.derived import DerivedFiles
from api.holder_service import HolderService
from api.log import open_log
from api.logs import configure_logs
from api.middleware import ServiceMiddleware
from api.problems import add_problem_handlers
from api.publication.committing import Publisher
from api.publication.staging import Staging
from api.publication.sweep import sweep
from api.rate_limits import RateLimits
from api.routes import attestations, log, log_entries, me, operations, paths, publications, statements
from api.schemas import CertificateRequest, ProblemDocument, PublicationRequest, problems
from api.settings import Settings, load_settings
from api.storage import open_storage
from api.tokens import TokenVerifier

DESCRIPTION: Final = (
    "Publishes attestations about sealed books, inclusion paths and the transparency log. Nothing here has to be"
    " believed: fetch the files and verify them."
)
_log = structlog.get_logger("sealedbook.service")


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The service as an ASGI application; settings from the environment unless given."""
    chosen = settings or load_settings()
    configure_logs(chosen.log_level)
    app = service_app(chosen)
    if not chosen.trusted_proxies:
        return app
    return cast(
        "ASGIApp", ProxyHeadersMiddleware(cast("Any", app), trusted_hosts=list(chosen.trusted_proxies))
    )


def service_app(settings: Settings) -> FastAPI:
    """The same without looking through proxies."""
    app = describe_app(writing=not settings.read_only, holders=settings.vault is not None)
    state = app.state
    state.settings = settings
    # Whatever can be wrong with the settings is found before the database is touched.
    state.log = open_log(settings)
    state.limits = RateLimits(settings)
    state.page = load_check_page(settings.check_page)
    if not settings.read_only:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    state.database = Database(settings.database_address)
    if settings.read_only or not settings.migrate:
        check_current(state.database)
    else:
        upgrade(state.database)
    state.storage = open_storage(settings.storage_address, create=not settings.read_only)
    state.derived = DerivedFiles(settings.derived, state.storage)
    if not settings.read_only:
        _add_publishing(state, settings)
    if settings.vault is not None:
        state.tokens = TokenVerifier.from_settings(settings)
        state.holders = HolderService(settings)
    return app


def _add_publishing(state: Any, settings: Settings) -> None:
    state.publishers = Publishers(settings)
    state.staging = Staging(
        settings.staging, issuer_key=settings.issuer_key_bytes, max_bundle_bytes=settings.max_bundle_bytes
    )
    state.publisher = Publisher(
        state.database,
        state.storage,
        state.log,
        derived=settings.derived,
        issuer_key=settings.issuer_key_bytes,
    )
    sweep(state.staging, state.storage, state.database, hours=settings.staging_hours)


def describe_app(*, writing: bool = True, holders: bool = True) -> FastAPI:
    """The routes alone, without anything behind them: what the OpenAPI document is made from."""
    app = FastAPI(
        title="sealedbook",
        version=metadata.version("sealedbook"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.add_middleware(ServiceMiddleware)
    add_problem_handlers(app)
    for module in (attestations, paths, statements, operations):
        app.include_router(module.router)
    app.include_router(log.router, responses=problems(404, 422, 503))
    if writing:
        app.include_router(log.write_router, responses=problems(413, 422, 503))
        app.include_router(publications.router)
        app.include_router(log_entries.router)
    if holders:
        app.include_router(me.router)
    _describe_problems(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    _log.info("started", version=app.version)
    yield
    app.state.database.close()


def _describe_problems(app: FastAPI) -> None:
    """The schema of problems in the document, and problems where FastAPI documents errors of its own."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (ProblemDocument, PublicationRequest, CertificateRequest):
                schemas[model.__name__] = model.model_json_schema()
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
