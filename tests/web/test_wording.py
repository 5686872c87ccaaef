from bridge.presence.model import CheckKind, CheckState
from bridge.web.pages.wording import CHECK_KIND, CHECK_OUTCOME


def test_every_kind_and_end_of_a_check_has_a_name() -> None:
    assert set(CHECK_KIND) == {kind.value for kind in CheckKind}
    assert set(CHECK_OUTCOME) == {state.value for state in CheckState}
