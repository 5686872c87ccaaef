from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.interop.record import Facts, PersonalDataError, write
from tests.interop.xblock_platform.course import LEARNER, SECOND_LEARNER

_AT = datetime(2026, 11, 28, 8, 0, 0, tzinfo=UTC)


def _facts(answered: str) -> Facts:
    facts = Facts(case="a_case", peer="peer 1.0")
    facts.told("GET /desk/about", answered)
    return facts


def test_a_case_is_one_line_with_peer_outcome_and_exchanges() -> None:
    facts = _facts("200\nOK")
    facts.told("POST /scores", "201")
    line = facts.line(_AT, "passed")
    assert line == (
        "2026-11-28T08:00:00Z passed [peer 1.0] a_case: GET /desk/about → 200 OK; POST /scores → 201"
    )


@pytest.mark.parametrize(
    "word", [LEARNER.full_name, LEARNER.username, SECOND_LEARNER.external_id, SECOND_LEARNER.email]
)
def test_personal_data_is_refused(word: str) -> None:
    with pytest.raises(PersonalDataError, match="a_case"):
        _facts(f"hello {word}").line(_AT, "passed")


def test_lines_are_appended_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "interop.log"
    monkeypatch.setenv("ANXUE_INTEROP_LOG", str(log))
    write(_facts("first"), "passed")
    write(_facts("second"), "failed")
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "passed [peer 1.0] a_case: GET /desk/about → first",
        "failed [peer 1.0] a_case: GET /desk/about → second",
    ]


def test_without_the_setting_personal_data_is_refused_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANXUE_INTEROP_LOG", raising=False)
    write(_facts("nothing personal"), "passed")
    with pytest.raises(PersonalDataError):
        write(_facts(LEARNER.full_name), "passed")
