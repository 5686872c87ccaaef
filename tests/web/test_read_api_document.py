"""The OpenAPI document says what the server does: a validator and Schemathesis, neither of them ours, agree."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from bridge.app import create_app
from bridge.kernel.ids import LearnerRef
from bridge.supervision.api_scopes import ApiScope
from tests.servers.children import free_port
from tests.web.api_peer import objections_to, schemathesis
from tests.web.furnished import Furnished
from tests.web.read_api import program

Finished = tuple[Furnished, str, LearnerRef, str]


@pytest.fixture(scope="module")
def document(looked_at: Furnished) -> dict[str, Any]:
    found: dict[str, Any] = looked_at.client().get("/api/v1/openapi.json").get_json()
    return found


@pytest.fixture
def served(finished_alone: Finished) -> Iterator[tuple[str, str]]:
    """Give the address of a house with people in it, and a token; its clock stands."""
    house = finished_alone[0].house
    port = free_port()
    house.settings = house.settings.model_copy(
        update={"api_requests_per_minute": 1_000_000, "public_url": f"http://127.0.0.1:{port}"}
    )
    app = create_app(house.settings, house)
    reader = program(house, app.test_client(), division="440100")
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield house.settings.public_url, reader.token
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert objections_to(document) == []
    assert objections_to({**document, "info": {"version": "1"}}) != []


def test_every_path_wants_a_scope_that_the_document_explains(document: dict[str, Any]) -> None:
    explained = document["components"]["securitySchemes"]["clientCredentials"]["flows"]["clientCredentials"]
    assert set(explained["scopes"]) == set(ApiScope)
    for path, methods in document["paths"].items():
        assert set(methods) == {"get"}, path
        (wanted,) = methods["get"]["security"]
        assert len(wanted["clientCredentials"]) == 1, path
        assert set(wanted["clientCredentials"]) <= set(explained["scopes"]), path


def test_every_route_of_the_api_stands_in_the_document(
    looked_at: Furnished, document: dict[str, Any]
) -> None:
    routes = {
        re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))
        for rule in looked_at.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
    }
    assert routes - set(document["paths"]) == {"/openapi.json", "/docs"}
    assert set(document["paths"]) <= routes


def test_every_answer_is_described_member_by_member(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
            assert set(schema["required"]) == set(schema["properties"]), name


def test_no_example_is_of_a_person(document: dict[str, Any]) -> None:
    assert not re.search(r"(?<![0-9])[1-9][0-9]{16}[0-9X](?![0-9X])", repr(document))


def test_the_reference_page_names_every_operation(looked_at: Furnished, document: dict[str, Any]) -> None:
    page = looked_at.client().get("/api/v1/docs").text
    assert page.count('data-testid="api-operation"') == len(document["paths"])
    for path in document["paths"]:
        assert f"GET {path}" in page


def test_schemathesis_finds_nothing(served: tuple[str, str], tmp_path: Path) -> None:
    address, token = served
    run = schemathesis(
        f"{address}/api/v1/openapi.json", token, tmp_path, "--max-examples", "8", "--seed", "1", "--no-shrink"
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr
    found = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert found is not None, run.stdout[-2000:]
    assert int(found[1]) > 500
    assert found[1] == found[2]
