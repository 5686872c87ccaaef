"""Every launch row of the security case list, on the core."""

import pytest

from lti.errors import REFUSALS
from tests.lti.doors import CoreDoor
from tests.lti.launch_rows import ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_row_gets_the_one_right_answer(row: Row) -> None:
    assert row.play(CoreDoor()) == row.expected


def test_rows_cover_the_case_list() -> None:
    groups = {row.id.split(".")[0] for row in ROWS}
    wanted = (
        {f"A{n}" for n in range(1, 13)}
        | {f"B{n}" for n in range(1, 25) if n != 19}
        | {f"V{n}" for n in range(1, 10)}
    )
    assert wanted <= groups  # B19 needs a network: test_http.py


def test_every_refusal_of_a_row_has_a_status_for_its_caller() -> None:
    for row in ROWS:
        if not row.expected.startswith("accepted"):
            assert 400 <= REFUSALS[row.expected][0] < 500
