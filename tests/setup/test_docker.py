"""No container engine runs here: the files are linted, and held against the code that they start."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from compose_spec import PyCompose
from ruamel.yaml import YAML

from bridge.cli import main
from bridge.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_DOCKER = _ROOT / "docker"
_DOCKERFILE = (_DOCKER / "Dockerfile").read_text()
_BRIDGE = ("migrate", "web", "worker", "judge", "beat")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(_DOCKER / "compose.yaml")
    return document


def test_the_dockerfile_passes_hadolint() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [str(hadolint), "--no-color", str(_DOCKER / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_compose_keeps_to_the_specification(compose: dict[str, Any]) -> None:
    parsed = PyCompose.from_json(json.dumps(compose))
    assert sorted(parsed.service_names()) == [
        "beat",
        "broker",
        "database",
        "judge",
        "migrate",
        "web",
        "worker",
    ]


def test_compose_names_only_services_and_volumes_that_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for other, wait in service.get("depends_on", {}).items():
            awaited = compose["services"][other]
            if wait["condition"] == "service_completed_successfully":
                assert awaited["restart"] == "no"
            else:
                assert wait["condition"] == "service_healthy"
                assert "healthcheck" in awaited
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"]


def test_one_image_serves_web_worker_and_beat_without_root_rights(compose: dict[str, Any]) -> None:
    services = [compose["services"][name] for name in _BRIDGE]
    assert len({service["image"] for service in services}) == 1
    for service in services:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    users = re.findall(r"^USER (\S+)$", _DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]


def test_every_bridge_variable_is_a_setting(compose: dict[str, Any]) -> None:
    named = set(re.findall(r"\bANXUE_(\w+)=", _DOCKERFILE))
    for name in _BRIDGE:
        named |= {key.removeprefix("ANXUE_") for key in compose["services"][name]["environment"]}
    assert {"VAR", "DATA", "DATABASE_URL", "BROKER_URL", "PUBLIC_URL"} <= named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_variable_of_compose_stands_in_the_example(compose: dict[str, Any]) -> None:
    wanted = set(re.findall(r"\$\{(\w+)", json.dumps(compose)))
    offered = set(re.findall(r"^(\w+)=", (_DOCKER / "example.env").read_text(), re.MULTILINE))
    assert wanted == offered


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    allowed = re.findall(r"^!(.+)$", (_DOCKER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (\w+)/ ", _DOCKERFILE, re.MULTILINE)
    assert sorted(copied) == sorted(allowed)
    assert all((_ROOT / name).is_dir() for name in copied)


@pytest.mark.parametrize("name", _BRIDGE)
def test_the_command_line_knows_each_command(compose: dict[str, Any], name: str) -> None:
    command, *arguments = compose["services"][name]["command"]
    known = main.get_command(click.Context(main), command)
    assert known is not None
    # Parses the arguments as a start would, and starts nothing.
    known.make_context(command, arguments)
