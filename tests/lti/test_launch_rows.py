"""Every launch row of the security case list, on the core; and the table in README.md of where each case is held."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lti.claims import LAUNCH_PRESENTATION
from lti.errors import REFUSALS, LaunchRefused
from lti.launch import verify_launch
from lti.registration_memory import MemoryRegistrations
from tests.lti.doors import CoreDoor, World
from tests.lti.launch_rows import ROWS, Row

HERE = Path(__file__).parent
CASES = (
    [f"A{n}" for n in range(1, 13)]
    + [f"V{n}" for n in range(1, 10)]
    + [f"B{n}" for n in range(1, 25)]
    + [f"C{n}" for n in range(1, 11)]
)
# case → (ids of rows, names of further tests), as README.md tells it
TOLD = {
    line[1].strip(): (
        [each.strip() for each in line[2].split(",") if each.strip()],
        re.findall(r"`([^`]+\.py::\w+)`", line[3] + line[4]),
    )
    for line in (text.split("|") for text in (HERE / "README.md").read_text(encoding="utf-8").splitlines())
    if len(line) == 6 and re.fullmatch(r" [ABCV]\d+ ", line[1])
}


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_row_gets_the_one_right_answer(row: Row) -> None:
    assert row.play(CoreDoor()) == row.expected


def test_every_case_of_the_list_has_its_line() -> None:
    assert list(TOLD) == CASES


@pytest.mark.parametrize("case", CASES)
def test_what_the_table_names_is_there(case: str) -> None:
    rows, tests = TOLD[case]
    assert rows or tests
    assert set(rows) <= {row.id for row in ROWS}
    for path, name in (test.split("::") for test in tests):
        file = HERE.parent.parent / path if path.startswith("tests/") else HERE / path
        assert f"def {name}(" in file.read_text(encoding="utf-8"), f"{path} has no {name}"


def test_every_row_stands_under_a_case() -> None:
    assert {row.id.split(".")[0] for row in ROWS} - {"V"} <= set(CASES)


def test_every_refusal_of_a_row_has_a_status_for_its_caller() -> None:
    for row in ROWS:
        if not row.expected.startswith("accepted"):
            assert 400 <= REFUSALS[row.expected][0] < 500


def test_c1_a_launch_over_http_is_for_demos_on_loopback_alone() -> None:
    world = World.new("http://127.0.0.1:5000")
    demo = MemoryRegistrations(world.registrations(demo=True))
    door = CoreDoor(world, public_url="http://127.0.0.1:5000", registrations=demo)
    going = door.login()
    assert door.launch(going.state, world.lms.token(going.nonce)) == "accepted learner"
    # Real use is refused at login, and at launch once more should it have begun as a demo.
    going = door.login()
    door.tool = replace(door.tool, registrations=MemoryRegistrations(world.registrations()))
    assert door.login().refusal == "insecure_transport"
    form = {"state": going.state, "id_token": world.lms.token(going.nonce)}
    with pytest.raises(LaunchRefused, match="insecure_transport"):
        verify_launch(door.tool, form, "browser-a")


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/", "http://lms.example/course/1", "javascript:alert(1)", "//evil.example", "x"],
)
def test_c4_a_return_address_elsewhere_is_never_followed(url: str) -> None:
    door = CoreDoor()
    going = door.login()
    token = door.world.lms.token(going.nonce, **{LAUNCH_PRESENTATION: {"return_url": url}})
    assert door.launch(going.state, token) == "accepted learner"
    assert door.launched is not None
    assert door.launched.return_url is None
