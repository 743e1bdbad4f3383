"""Inclusion paths: public data alone, the leaf and its siblings with their sums.

Whoever asks for the path of one leaf tells the server which leaf interests them. Holders who mind fetch ``leaves.bin``.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.conditional import IMMUTABLE, not_modified
from api.inclusion_tree import PATH_FORMAT, InclusionTree
from api.problems import not_found
from api.routes.attestations import require_attestation
from api.schemas import DigestPath, problems

router = APIRouter(prefix="/v1/attestations/{digest}", tags=["paths"])

Form = Annotated[
    Literal["json", "binary"],
    Query(alias="format", description="JSON, or tag, commitment and siblings as bytes"),
]
_NODE: Final = {
    "type": "object",
    "properties": {"hash": {"type": "string"}, "sum": {"type": "string"}},
    "required": ["hash", "sum"],
}
_PATH_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "format": {"const": PATH_FORMAT},
        "attestation": {"type": "string"},
        "book": {"type": "string", "description": "The book digest"},
        "root": _NODE,
        "leaf": {
            "type": "object",
            "properties": {
                "index": {"type": "integer"},
                "tag": {"type": "string"},
                "commitment": {"type": "string"},
            },
            "required": ["index", "tag", "commitment"],
        },
        "path": {"type": "array", "items": _NODE, "description": "The sibling at each level, lowest first"},
    },
    "required": ["format", "attestation", "book", "root", "leaf", "path"],
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The path",
        "content": {
            "application/json": {"schema": _PATH_SCHEMA},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    304: {"description": "You have this version"},
    **problems(404, 422, 503),
}


@router.get("/paths/{leaf}", response_class=Response, responses=_ANSWERS)
async def path_by_index(
    digest: DigestPath, leaf: Annotated[int, Path(ge=0, lt=1 << 32)], request: Request, form: Form = "json"
) -> Response:
    """The path of a leaf by its index."""
    tree = await _tree(request, digest)
    if leaf >= tree.leaf_count:
        raise not_found("leaf")
    return _answer(request, tree, digest, leaf, form)


@router.get("/tags/{tag}", response_class=Response, responses=_ANSWERS)
async def path_by_tag(
    digest: DigestPath,
    tag: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The leaf's tag")],
    request: Request,
    form: Form = "json",
) -> Response:
    """The path of the leaf with this tag."""
    tree = await _tree(request, digest)
    leaf = tree.find(bytes.fromhex(tag))
    if leaf is None:
        raise not_found("leaf")
    return _answer(request, tree, digest, leaf, form)


async def _tree(request: Request, digest: str) -> InclusionTree:
    """The tree of a published attestation; the database is asked the first time alone."""
    state = request.app.state
    tree: InclusionTree | None = state.derived.open_tree(bytes.fromhex(digest))
    return tree if tree is not None else await run_in_threadpool(_find_tree, state, digest)


def _find_tree(state: Any, digest: str) -> InclusionTree:
    with state.database.read() as session:
        row = require_attestation(session, digest)
        book_digest, leaf_count = row.book_digest, row.leaf_count
    tree: InclusionTree = state.derived.tree(bytes.fromhex(digest), book_digest, leaf_count)
    return tree


def _answer(request: Request, tree: InclusionTree, digest: str, leaf: int, form: str) -> Response:
    headers = {"ETag": f'"{digest[:32]}-{leaf}-{form}"', "Cache-Control": IMMUTABLE}
    if not_modified(request.headers, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if form == "binary":
        return Response(tree.path_bytes(leaf), media_type="application/octet-stream", headers=headers)
    return Response(tree.path_json(leaf), media_type="application/json", headers=headers)
