"""`./anxue simulate`: how the commands are found, what they say, and with which status they end."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from plugins.simulators.demo_lms.rehearsal import case, run
from plugins.simulators.demo_lms.rehearsal.cases_claims import V_CASES
from tests.lti.served import served
from tests.plugins.simulators.naive_tool import NaiveTool


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *arguments])


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def naive(port: int) -> Iterator[NaiveTool]:
    tool = NaiveTool(frozenset({"replay", "exp", "aud"}))
    with served(tool.app) as origin:
        tool.issuer, tool.origin = f"http://127.0.0.1:{port}", origin
        yield tool


def check(tool: NaiveTool, port: int, folder: Path, *more: str) -> Result:
    return simulate(
        "lms", "--check", "--port", str(port), "--bridge-url", tool.origin, "--state", str(folder), *more
    )


def test_both_simulators_are_listed_and_say_that_they_are_simulators() -> None:
    said = simulate("--help").output

    assert "lms" in said
    assert "province" in said
    assert said.count("模拟") >= 3


def test_a_lenient_tool_is_found_out_and_the_command_fails(
    naive: NaiveTool, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case, "REFETCH_SECONDS", 0)  # this tool asks as often as it likes

    ended = check(naive, port, tmp_path, "--json")

    assert ended.exit_code == 1
    (line,) = ended.stdout.splitlines()
    told = json.loads(line)
    assert told["simulator"] is True
    assert told["cases"] == len(told["results"]) == told["right"] + told["wrong"] + told["open"]
    states = {result["id"]: result["state"] for result in told["results"]}
    assert states["V1.student"] == "right"
    assert {states[each] for each in ("B3", "B8.exp", "B9.past", "B11.aud", "A6.aud")} == {"wrong"}
    assert {states[each] for each in ("B4", "B16.signature", "B14.unknown")} == {"right"}


def test_a_tool_that_is_right_in_all_that_is_played_ends_well(
    naive: NaiveTool, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "all_cases", lambda: tuple(each for each in V_CASES if each.id[1] in "1236"))

    ended = check(naive, port, tmp_path)

    assert ended.exit_code == 0, ended.output
    assert ended.stdout == ""
    assert "演练 8 种情形：8 种正确，0 种错误，0 种未知" in ended.stderr


def test_who_did_not_register_the_simulator_is_told_what_to_register(
    naive: NaiveTool, port: int, tmp_path: Path
) -> None:
    naive.issuer = "https://another.example"

    ended = check(naive, port, tmp_path)

    assert ended.exit_code == 1
    assert f"http://127.0.0.1:{port}/lti/jwks" in ended.stderr
    assert ended.stderr.count("未知") < 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("lms", "--json"), "--check"),
        (("lms", "--patient"), "--check"),
        (("lms", "--bridge-url", "bridge.example"), "--bridge-url"),
        (("lms", "--public-url", "http://lms.example/?x=1"), "--public-url"),
        (("lms", "--port", "70000"), "--port"),
        (("lms", "--config", "no-such-file.yaml", "--port", "0"), "no-such-file.yaml"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    ended = simulate(*arguments, "--state", str(tmp_path))

    assert ended.exit_code != 0
    assert says in ended.output
    assert ended.exc_info is None or ended.exc_info[0] is SystemExit
