"""Ending the binding of an LMS account: by two of the institution's staff, for a stated reason, as a signal."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    ORG,
    OTHER_ORG,
    OTHER_RUN,
    RUN,
    Furnished,
    furnish,
    token,
)
from tests.web.gate import started
from tests.web.lms import CHEN_SUB, Lms, browser, lms_of_ready_learners

RIGHT = {"reason": "wrong_account", "checked": "1"}


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def page_of(learner: LearnerRef, run: str = RUN) -> str:
    return f"/institution/class-runs/{run}/learners/{learner}"


def release(
    furnished: Furnished,
    learner: LearnerRef,
    account: str,
    form: Mapping[str, str] = RIGHT,
    login: str = "staff-lin",
    run: str = RUN,
    second: str | None = "staff-zhou",
) -> tuple[int, str]:
    """Propose the end of a binding and, unless `second` is None, confirm it as another; return the last answer."""
    client = furnished.as_staff(login)
    at = "/authority" if login.startswith("official") else "/platforms/new"
    data = {"csrf_token": token(client, at), "account": account, **form}
    reply = client.post(f"{page_of(learner, run)}/release", data=data)
    if reply.status_code == 303 and second is not None:
        reply = confirm(furnished, learner, second)
    furnished.work_off()
    return reply.status_code, reply.text


def confirm(furnished: Furnished, learner: LearnerRef, login: str) -> TestResponse:
    """Return the answer to `login` who confirms what was proposed."""
    person = furnished.as_staff(login)
    found = re.search(r"/changes/(idc_[0-9a-z]+)/", person.get(f"{page_of(learner)}/person").text)
    assert found is not None
    sent = {"csrf_token": token(person, "/platforms/new"), "checked": "1"}
    answer = person.post(f"{page_of(learner)}/person/changes/{found[1]}/confirm", data=sent)
    furnished.work_off()
    return answer


def owner(furnished: Furnished, learner: LearnerRef) -> str | None:
    with furnished.house.engine.connect() as connection:
        held = text("SELECT account_id FROM account_binding WHERE learner = :who AND ended_at IS NULL")
        found: str | None = connection.execute(held, {"who": learner}).scalar()
        return found


def test_staff_end_a_binding_and_the_person_uses_another_account(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    class_run = furnished.as_staff("staff-lin").get(f"/institution/class-runs/{RUN}").text
    assert page_of(learner) in class_run
    before = furnished.as_staff("staff-lin").get(page_of(learner)).text
    assert 'data-testid="account-bound"' in before
    assert f'value="{account}"' in before
    assert CHEN not in before
    assert CHEN_ID not in before

    assert release(furnished, learner, account)[0] == 303
    assert owner(furnished, learner) is None

    again, same = furnished.enrol("lms-user-2002", CHEN, CHEN_ID)
    assert (same, owner(furnished, learner)) == (learner, again)
    page = furnished.as_staff("staff-lin").get(page_of(learner)).text
    assert page.count('data-testid="account-ended"') == 1
    assert "实名时用错了账号 · staff-lin" in page


def test_one_member_of_staff_alone_ends_nothing(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    assert release(furnished, learner, account, second=None)[0] == 303
    assert 'data-testid="release-waiting"' in furnished.as_staff("staff-lin").get(page_of(learner)).text
    assert owner(furnished, learner) == account

    assert confirm(furnished, learner, "staff-lin").status_code == 403
    assert owner(furnished, learner) == account
    assert confirm(furnished, learner, "staff-zhou").status_code == 303
    assert owner(furnished, learner) is None


def test_a_binding_that_changed_since_it_was_proposed_is_not_ended(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    release(furnished, learner, account, second=None)
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).identity.release_account(account, reason="account_lost", by="stf_x")
    new, _ = furnished.enrol("lms-user-2002", CHEN, CHEN_ID)
    assert confirm(furnished, learner, "staff-zhou").status_code == 409
    assert owner(furnished, learner) == new


def test_what_staff_did_is_a_signal_with_its_reason_for_both(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    release(furnished, learner, account)

    for path, login in (
        (page_of(learner), "staff-lin"),
        ("/institution/signals", "staff-lin"),
        ("/authority/signals", "official-guangzhou"),
    ):
        page = furnished.as_staff(login).get(path).text
        assert page.count('data-kind="account_released"') == 1
        assert "实名时用错了账号" in page


@pytest.mark.parametrize(
    "form",
    [{"reason": "wrong_account"}, {"checked": "1"}, {"reason": "because", "checked": "1"}],
    ids=["unconfirmed", "no reason", "a reason of one's own"],
)
def test_nothing_is_ended_without_reason_and_confirmation(furnished: Furnished, form: dict[str, str]) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)

    status, page = release(furnished, learner, account, form)

    assert status == 422
    assert 'data-testid="release-error"' in page
    assert owner(furnished, learner) == account


def test_only_the_binding_that_was_shown_is_ended(furnished: Furnished) -> None:
    old, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    other, _ = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    release(furnished, learner, old)
    new, _ = furnished.enrol("lms-user-2002", CHEN, CHEN_ID)

    for stale in (old, other, "acc_made_up", ""):
        assert release(furnished, learner, stale)[0] == 409
    assert owner(furnished, learner) == new


def test_nobody_else_ends_it(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)

    assert furnished.client().get(page_of(learner)).status_code == 303
    for login, run, status in (
        ("staff-ping", RUN, 404),
        ("staff-ping", OTHER_RUN, 404),
        ("staff-lin", OTHER_RUN, 404),
        ("official-guangzhou", RUN, 403),
    ):
        assert furnished.as_staff(login).get(page_of(learner, run)).status_code == status
        assert release(furnished, learner, account, login=login, run=run)[0] == status
    bare = furnished.as_staff("staff-lin").post(
        f"{page_of(learner)}/release", data={"account": account, **RIGHT}
    )
    assert bare.status_code == 400
    assert owner(furnished, learner) == account


def test_a_learner_of_another_class_run_is_not_shown(furnished: Furnished) -> None:
    _, theirs = furnished.enrol("lms-user-1001", CHEN, CHEN_ID, run=OTHER_RUN, org=OTHER_ORG)

    assert furnished.as_staff("staff-lin").get(page_of(theirs)).status_code == 404


def test_what_runs_under_the_account_ends_at_once(tmp_path: Path) -> None:
    lms: Lms = lms_of_ready_learners(tmp_path)
    furnished, client = lms.furnished, browser(lms.furnished)
    agent = started(lms, client)
    assert agent.beat().status_code == 200
    account = furnished.account(CHEN_SUB)
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        learner = furnished.house.at(tx).identity.owner_of_account(account)
    assert learner is not None
    other = furnished.as_learner(furnished.account("lms-user-9999"))
    assert client.get("/learner").status_code == other.get("/learner").status_code == 200

    assert release(furnished, learner, account)[0] == 303

    assert agent.beat().get_json()["reason"] == "session_closed"
    assert client.get("/learner").status_code == 403
    assert other.get("/learner").status_code == 200
