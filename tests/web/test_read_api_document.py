"""The OpenAPI document says what the server does: a validator and Schemathesis, neither of them ours, agree."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.kernel.ids import LearnerRef
from bridge.settings import ROOT
from bridge.supervision.api_scopes import ApiScope
from bridge.wiring import House
from tests.servers.children import free_port, running
from tests.web.api_peer import objections_to, schemathesis
from tests.web.furnished import Furnished
from tests.web.read_api import new_client

Finished = tuple[Furnished, str, LearnerRef, str]
_EXAMPLES = os.environ.get("ANXUE_READ_API_EXAMPLES", "8")
_LOG = os.environ.get("ANXUE_READ_API_LOG", "")
"""For a longer run, and what it said: see CONTRIBUTING.md."""


@pytest.fixture(scope="module")
def document(looked_at: Furnished) -> dict[str, Any]:
    found: dict[str, Any] = looked_at.client().get("/api/v1/openapi.json").get_json()
    return found


@pytest.fixture
def served(finished_alone: Finished, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Give the address of the web process as it is served, in a house with people in it, and a token."""
    settings, port = finished_alone[0].house.settings, free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANXUE_")},
        "PYTHONPATH": str(ROOT),
        "ANXUE_MODE": "demonstration",
        "ANXUE_VAR": str(settings.var),
        "ANXUE_PORT": str(port),
        "ANXUE_API_REQUESTS_PER_MINUTE": "1000000",
    }

    def is_ready() -> bool:
        try:
            return requests.get(f"{address}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    given = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", "-i", *given, sys.executable, "-P", "-m", "bridge.cli", "run", "web"]
    with running(command, log=tmp_path / "web.log", is_ready=is_ready, seconds=90):
        house = House.build(settings)
        try:
            client_id, secret = new_client(house, division="440100")
        finally:
            house.close()
        form = {"grant_type": "client_credentials"}
        answer = requests.post(f"{address}/api/oauth/token", data=form, auth=(client_id, secret), timeout=30)
        yield address, answer.json()["access_token"]


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
        f"{address}/api/v1/openapi.json",
        token,
        tmp_path,
        "--max-examples",
        _EXAMPLES,
        "--seed",
        "1",
        "--no-shrink",
    )
    held = requests.get(f"{address}/api/v1/papers", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert held.status_code == 200, "the token ended before the run did"
    if _LOG:
        Path(_LOG).write_text(run.stdout, encoding="utf-8")
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr
    found = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert found is not None, run.stdout[-2000:]
    assert int(found[1]) > 500
    assert found[1] == found[2]
