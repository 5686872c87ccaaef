"""The class teacher's list: who cannot go on, at which step, what waits for me, each with a count and where to go."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, ORG, RUN, Furnished, furnish
from tests.web.reviewed import fail, review_of

TO_DO = f"/institution/class-runs/{RUN}/to-do"


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


def count_of(page: str, name: str) -> int | None:
    found = re.search(rf'data-testid="{name}"[^>]* data-count="(\d+)"', page)
    return None if found is None else int(found[1])


def shares(page: str) -> dict[str, int | None]:
    return {kind: count_of(page, f"share-{kind}") for kind in ("named", "anchored", "stuck", "well")}


def stick(furnished: Furnished, learner: LearnerRef) -> None:
    for number in range(3):
        at = NOW - timedelta(minutes=9 - number)
        fail(furnished, learner, "too_poor", at=at, session="ses_late", name=f"late{number}")


def test_everybody_stands_at_one_step_of_the_road(furnished: Furnished) -> None:
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    listed = count_of(page, "share-named") or 0
    assert listed >= 2
    assert shares(page) == {"named": listed, "anchored": 0, "stuck": 0, "well": 0}
    assert 'data-testid="waiting-none"' in page

    _account, chen = furnished.enrol("chen", CHEN, CHEN_ID)
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    assert shares(page) == {"named": listed - 1, "anchored": 1, "stuck": 0, "well": 0}
    assert "还没有登记人脸" in page

    furnished.capture(chen, anchored_at=NOW)
    assert shares(furnished.as_staff("staff-lin").get(TO_DO).text)["well"] == 1

    stick(furnished, chen)
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    assert shares(page) == {"named": listed - 1, "anchored": 0, "stuck": 1, "well": 0}
    assert "连续 3 次未通过" in page
    assert f"/learners/{chen}/checks" in page


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"anchored_ms": None}, "登记的人脸未核对"),
        ({"anchored_ms": None, "has_roster_photo": False}, "名单里没有证件照"),
        ({"model_sha256": "0" * 64}, "须重新登记人脸"),
    ],
)
def test_who_is_not_anchored_is_told_with_the_reason(
    furnished: Furnished, changes: dict[str, object], why: str
) -> None:
    _account, chen = furnished.enrol("chen", CHEN, CHEN_ID)
    furnished.capture(chen, anchored_at=NOW)
    with furnished.house.uow.for_institution(ORG) as tx:
        store = furnished.house.at(tx).presence_store
        found = store.reference(chen, RUN)
        assert found is not None
        store.save_reference(replace(found, **changes))  # type: ignore[arg-type]  # a test's own values
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    assert count_of(page, "group-anchored") == 1
    assert why in page


def test_two_failures_are_not_stuck_and_a_pass_ends_it(furnished: Furnished) -> None:
    _account, chen = furnished.enrol("chen", CHEN, CHEN_ID)
    furnished.capture(chen, anchored_at=NOW)
    stick(furnished, chen)
    fail(furnished, chen, "passed", at=NOW, session="ses_late", name="pass")
    assert count_of(furnished.as_staff("staff-lin").get(TO_DO).text, "group-stuck") == 0


def test_what_waits_is_what_this_visitor_can_do(furnished: Furnished) -> None:
    _account, chen = furnished.enrol("chen", CHEN, CHEN_ID)
    check = fail(furnished, chen)
    appealed = fail(furnished, chen, "missed", at=NOW - timedelta(minutes=3))
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).reviews.appeal(chen, RUN, appealed, "network_fault")

    def waiting(login: str) -> dict[str, int | None]:
        page = furnished.as_staff(login).get(TO_DO).text
        found = {kind: count_of(page, f"waiting-{kind}") for kind in ("appeals", "reviews", "confirmations")}
        return {kind: count for kind, count in found.items() if count is not None}

    assert waiting("staff-lin") == waiting("staff-zhou") == {"appeals": 1, "reviews": 1}
    lin = furnished.as_staff("staff-lin")
    with lin.session_transaction() as session:
        by = session["staff_id"]
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).reviews.decide(review_of(furnished, check).id, "same_person", by)
    assert waiting("staff-lin") == {"appeals": 1}
    assert waiting("staff-zhou") == {"appeals": 1, "confirmations": 1}
    run_page = furnished.as_staff("staff-zhou").get(f"/institution/class-runs/{RUN}").text
    assert "2 项等您处理" in run_page


def test_who_is_supervised_needs_no_face(furnished: Furnished) -> None:
    account, _chen = furnished.enrol("chen", CHEN, CHEN_ID)
    assert count_of(furnished.as_staff("staff-lin").get(TO_DO).text, "group-anchored") == 1
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).withdraw_faces(account)
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    assert (count_of(page, "group-anchored"), shares(page)["well"]) == (0, 1)


def test_a_change_that_another_proposed_waits_with_a_way_to_it(furnished: Furnished) -> None:
    account, chen = furnished.enrol("chen", CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).changes.propose_release(chen, account, reason="account_lost", by="staff_else")
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    assert count_of(page, "waiting-changes") == 1
    assert f"/learners/{chen}" in page


def test_names_are_masked_and_others_see_nothing(furnished: Furnished) -> None:
    furnished.enrol("chen", CHEN, CHEN_ID)
    page = furnished.as_staff("staff-lin").get(TO_DO).text
    for whole in (CHEN, CHEN_ID, HUANG, HUANG_ID):
        assert whole not in page
    assert furnished.as_staff("staff-ping").get(TO_DO).status_code == 404
    assert furnished.as_staff("official-guangzhou").get(TO_DO).status_code == 403
    assert furnished.client().get(TO_DO).status_code == 303
