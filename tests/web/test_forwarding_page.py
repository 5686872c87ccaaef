"""Staff see how far their LRS has the statements, and pause, resume and retry; nobody sees another's."""

import pytest

from bridge.intake.forwarding import Forwarding, Outcome
from bridge.intake.xapi.model import Version
from tests.web.furnished import ORG, OTHER_ORG, Furnished, token

PAGE = "/institution/forwarding"
SECRET = "made-up-secret-of-the-lrs"  # made up


def forwarding(furnished: Furnished, outcome: Outcome | None = None) -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        made = Forwarding(tx, furnished.house.cipher)
        forward = made.set_up(
            endpoint="https://lrs.example.org/xapi",
            key="made-up",
            secret=SECRET,
            version=Version.ONE,
            by="test",
            demonstration=False,
        )
        if outcome is not None:
            made.note(forward.id, outcome, None)


def test_without_an_lrs_the_page_says_who_sets_it_up(furnished: Furnished) -> None:
    staff = furnished.as_staff("staff-lin")
    assert PAGE in staff.get("/institution").text
    assert 'data-testid="forward-none"' in staff.get(PAGE).text
    refused = staff.post(f"{PAGE}/pause", data={"csrf_token": token(staff, "/institution")})
    assert refused.status_code == 404


def test_staff_see_what_went_wrong_and_pause_and_retry(furnished: Furnished) -> None:
    refused = {7: ("00000000-0000-4000-8000-000000000007", "statement_needs_version_2")}
    forwarding(furnished, Outcome(refused=refused, failed="lrs_answered_401"))
    staff = furnished.as_staff("staff-lin")
    shown = staff.get(PAGE).text
    assert "LRS 不接受保存的 key 或 secret" in shown
    assert "机构的 LRS 只支持 1.0.3" in shown
    assert SECRET not in shown
    csrf = token(staff, PAGE)
    assert staff.post(f"{PAGE}/pause", data={"csrf_token": csrf}).status_code == 303
    assert 'data-testid="forward-paused"' in staff.get(PAGE).text
    assert staff.post(f"{PAGE}/resume", data={"csrf_token": csrf}).status_code == 303
    assert 'data-testid="forward-paused"' not in staff.get(PAGE).text
    assert staff.post(f"{PAGE}/retry", data={"csrf_token": csrf}).status_code == 303
    assert "将重发被拒绝的 1 条" in staff.get(PAGE).text
    assert staff.post(f"{PAGE}/remove", data={"csrf_token": csrf}).status_code == 404


def test_all_is_well(furnished: Furnished) -> None:
    forwarding(furnished, Outcome(sent=[1, 2]))
    shown = furnished.as_staff("staff-lin").get(PAGE).text
    assert 'data-testid="forward-good"' in shown
    assert 'data-testid="forward-sent">2<' in shown


def test_another_institution_and_strangers_see_nothing_of_it(furnished: Furnished) -> None:
    forwarding(furnished)
    with furnished.house.uow.for_institution(OTHER_ORG, read_only=True) as tx:
        assert Forwarding(tx, furnished.house.cipher).get() is None
    assert furnished.client().get(PAGE).status_code in (302, 303, 401, 403)
    assert furnished.as_staff("official-guangzhou").get(PAGE).status_code == 403


@pytest.mark.parametrize("step", ["pause", "resume", "retry"])
def test_no_step_without_the_forms_token(furnished: Furnished, step: str) -> None:
    forwarding(furnished)
    answer = furnished.as_staff("staff-lin").post(f"{PAGE}/{step}")
    assert answer.status_code in (400, 403)
