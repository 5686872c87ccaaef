import re

from bridge.completion.score_decision import SCORE_CHANGED, WITHOUT_PRESENCE
from bridge.presence.model import CheckKind, CheckState
from bridge.settings import ROOT
from bridge.web.pages.access_log import purpose_zh
from bridge.web.pages.wording import CHECK_KIND, CHECK_OUTCOME, TEST_REFUSAL


def test_every_kind_and_end_of_a_check_has_a_name() -> None:
    assert set(CHECK_KIND) == {kind.value for kind in CheckKind}
    assert set(CHECK_OUTCOME) == {state.value for state in CheckState}


def test_every_purpose_for_which_somebody_looks_is_told_in_chinese() -> None:
    looks = re.compile(r'purpose="((?:institution|review|learner|cli|lms|proctoring)\.[a-z_]+)"')
    found = {
        one for path in (ROOT / "bridge").rglob("*.py") for one in looks.findall(path.read_text("utf-8"))
    }
    assert len(found) > 15
    assert {one for one in found if purpose_zh(one) == one} == set()


def test_every_reason_for_which_a_score_is_refused_has_a_name() -> None:
    assert set(TEST_REFUSAL) == {WITHOUT_PRESENCE, SCORE_CHANGED.code, "below_pass_mark"}
