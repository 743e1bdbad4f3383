"""Health, readiness, metrics, and the check page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from api.check_page import CheckPage
from api.conditional import not_modified
from api.metrics import render_metrics
from api.problems import NO_STORE, not_found
from api.schemas import Health, Readiness

router = APIRouter(tags=["operations"])
_log = structlog.get_logger("sealedbook.operations")


@router.get("/v1/health/live", response_model=Health)
async def live() -> Response:
    """The process runs."""
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": NO_STORE})


@router.get("/v1/health/ready", response_model=Readiness, responses={503: {"model": Readiness}})
def ready(request: Request) -> Response:
    """Database, storage and log can be reached."""
    state = request.app.state
    found = {
        "database": _works("database", lambda: _ask_database(state)),
        "storage": _works("storage", state.storage.check),
        "log": _works("log", lambda: _ask_log(state)),
    }
    whole = all(found.values())
    body = {"status": "ready" if whole else "not ready", **found}
    return JSONResponse(body, status_code=200 if whole else 503, headers={"Cache-Control": NO_STORE})


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    if not request.app.state.settings.metrics:
        raise not_found("page")
    return Response(
        render_metrics(), media_type="text/plain; version=0.0.4", headers={"Cache-Control": NO_STORE}
    )


@router.get("/", include_in_schema=False)
@router.head("/", include_in_schema=False)
async def check_page(request: Request) -> Response:
    """The check page."""
    page: CheckPage = request.app.state.page
    headers = {"ETag": page.etag, "Cache-Control": "no-cache", "Content-Security-Policy": page.policy}
    if not_modified(request.headers, page.etag):
        return Response(status_code=304, headers=headers)
    return Response(page.body, media_type="text/html; charset=utf-8", headers=headers)


def _works(name: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception as error:  # whatever a driver or library raises means: not ready
        _log.warning("not-ready", what=name, kind=type(error).__name__)
        return False
    return True


def _ask_database(state: Any) -> None:
    with state.database.read() as session:
        session.execute(text("SELECT count(*) FROM attestations WHERE id < 0"))


def _ask_log(state: Any) -> None:
    with state.database.read() as session:
        state.log.size(session)
