"""JSON bodies, read after the credential was checked.

FastAPI reads and parses a declared body before anything else of a route, credentials included: whoever has none could
have many megabytes of JSON parsed. A route that takes a body from somebody therefore depends on the credential first:

    async def request_body(request: Request, publisher: PublisherDependency) -> Body:
        return await read_body(request, Body)
"""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

_Body = TypeVar("_Body", bound=BaseModel)


async def read_body(request: Request, model: type[_Body]) -> _Body:
    """The body as `model`; `RequestValidationError` where it is none. Its size is bounded by `api.middleware`."""
    data = await request.body()
    try:
        return await run_in_threadpool(model.model_validate_json, data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in errors]) from None


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """``openapi_extra`` of a route whose body `read_body` reads; the schema is added by `api.application`."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
