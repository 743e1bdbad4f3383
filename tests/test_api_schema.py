"""The OpenAPI document is current, and the service keeps to it whatever it is asked."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sealing_support import fastest_backend, seal
from service_support import PUBLISHER, as_holder, service_settings

from api.application import describe_app, service_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_PRIVATE = {"/v1/me": as_holder("alice"), "/v1/publications": PUBLISHER, "/v1/log/entries": PUBLISHER}

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_document_is_current() -> None:
    """Make it anew: sealedbook service openapi > docs/openapi.json."""
    assert json.loads(DOCUMENT.read_text()) == describe_app().openapi()


def test_every_error_is_described_as_a_problem() -> None:
    document = describe_app().openapi()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and path != "/v1/health/ready":
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("fuzzed")
    app = service_app(service_settings(folder, seal(folder / "sealed", fastest_backend())))
    return schemathesis.openapi.from_asgi("/v1/openapi.json", app)


OPERATIONS = [
    (path, method) for path, methods in describe_app().openapi()["paths"].items() for method in methods
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_service_keeps_to_the_document(api: Any, path: str, method: str) -> None:
    headers = next((given for prefix, given in _PRIVATE.items() if path.startswith(prefix)), {})

    @settings(
        max_examples=15,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method.upper()].as_strategy())
    def keeps_to_it(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    keeps_to_it()
