"""A teacher looks at one learner: masked, logged, of the own institution and course, without a picture."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bridge.identity.tables import DisclosureRow
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import rfc3339
from bridge.registry.model import LtiContext
from lti.claims import CONTEXT, ROLES
from tests.lti.platform import LEARNER
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    LMS,
    ORG,
    OTHER_ORG,
    OTHER_RUN,
    PLATFORM,
    RUN,
    Furnished,
    furnish,
)
from tests.web.lms import (
    CHEN_SUB,
    CONTENT_DEVELOPER,
    HUANG_SUB,
    GateAgent,
    Lms,
    browser,
    csrf_of,
    lms_of,
    lms_of_ready_learners,
    person,
)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lms]:
    """An LMS one of whose learners has studied and sat a test at the platform; tests only look."""
    lms = lms_of_ready_learners(tmp_path_factory.mktemp("studied"))
    _, learner = person(lms)
    furnished = lms.furnished
    start = furnished.clock.now()
    furnished.watch(learner, "ses_review", "unit_electric", start, 600, hidden=(100, 200))
    furnished.check(learner, "ses_review", start)
    client = browser(furnished)
    page = lms.start_proctoring(client).headers["Location"]
    agent = GateAgent(furnished, client, page, csrf_of(client.get(page).text))
    agent.open()
    agent.check()
    agent.post("/start", "text/html")
    agent.beat()
    while not [one for one in agent.told["commands"] if one["type"] == "check"]:
        agent.beat(after_seconds=25)
    agent.check("90")
    agent.check("90")
    lms.end_assessment(client)
    with furnished.house.uow.for_institution(ORG) as tx:
        tx.emit(
            "intake.score_received",
            learner,
            occurred_at=furnished.clock.now(),
            idempotency_key="test",
            data=_score(learner, rfc3339(start), rfc3339(furnished.clock.now())),
        )
    furnished.work_off()
    yield lms
    furnished.house.close()


def _score(learner: LearnerRef, started: str, finished: str) -> dict[str, Any]:
    return {
        "learner": learner,
        "class_run": RUN,
        "unit": "test_final",
        "attempt": "quiz-1",
        "score": "95",
        "maximum": "100",
        "started_real": started,
        "finished_real": finished,
        "message": "msg_review",
    }


def shown(lms: Lms, sub: str = CHEN_SUB) -> str:
    client = browser(lms.furnished)
    answer = lms.review(client, sub)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/submission-review")
    page = client.get("/submission-review")
    assert page.status_code == 200, page.text
    return page.text


def disclosures(lms: Lms) -> list[tuple[str, str, str]]:
    with lms.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        rows = tx.session.scalars(
            select(DisclosureRow).where(DisclosureRow.purpose == "lms.submission_review")
        )
        return [(row.learner, row.recipient, row.by) for row in rows]


def test_the_page_shows_time_checks_and_tests_with_reasons(studied: Lms) -> None:
    page = shown(studied)

    assert "陈*安" in page
    assert 'data-testid="timeline"' in page
    assert 'data-state="passed"' in page
    assert 'data-state="other_person"' in page
    assert 'data-decision="refused"' in page
    assert "次在场核验未通过" in page
    assert "人脸与登记的本人不一致" in page


def test_it_shows_neither_name_nor_number_nor_picture(studied: Lms) -> None:
    page = shown(studied)

    assert "陈晓安" not in page
    assert CHEN_ID not in page
    assert CHEN_ID[-4:] not in page
    assert "<img" not in page


def test_each_look_is_logged_with_its_purpose_and_who_looked(studied: Lms) -> None:
    before = len(disclosures(studied))

    shown(studied)

    with studied.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        teacher = studied.furnished.house.at(tx).identity.account_for(PLATFORM, "lms-user-2001")
    assert teacher is not None
    after = disclosures(studied)
    assert len(after) == before + 1
    assert after[-1] == (person(studied)[1], "学习平台教师", teacher.account_id)


@pytest.mark.parametrize("roles", [LEARNER, CONTENT_DEVELOPER, []])
def test_learners_and_who_makes_contents_see_nothing(studied: Lms, roles: list[str]) -> None:
    client, before = browser(studied.furnished), disclosures(studied)

    # `lti` lets a learner ask for the own work at most; this page is a teacher's all the same.
    for sub in ("lms-user-2001", CHEN_SUB):
        answer = studied.review(client, CHEN_SUB, {ROLES: roles, "sub": sub})
        assert answer.status_code == 403
        assert "launch_role" in answer.text or "for_user_foreign" in answer.text
    assert client.get("/submission-review").status_code == 403
    assert disclosures(studied) == before


def test_the_learner_must_be_known_and_bound_in_this_registration(studied: Lms) -> None:
    for sub in ("lms-user-1003", "lms-user-2001", "somebody"):
        answer = studied.review(browser(studied.furnished), sub)
        assert answer.status_code == 403
        assert "review_learner_unknown" in answer.text


def test_only_the_class_run_of_the_course_is_shown(studied: Lms) -> None:
    answer = studied.review(browser(studied.furnished), CHEN_SUB, {CONTEXT: {"id": "another-course"}})

    assert answer.status_code == 403
    assert "class_run_unlinked" in answer.text


def test_a_learners_session_and_a_teachers_other_launch_open_no_review(studied: Lms) -> None:
    learner, chooser = browser(studied.furnished), browser(studied.furnished)
    studied.launch(learner)
    studied.deep_link(chooser)

    assert learner.get("/submission-review").status_code == 403
    assert chooser.get("/submission-review").status_code == 403


def test_who_has_not_studied_yet_is_shown_as_such(studied: Lms) -> None:
    page = shown(studied, HUANG_SUB)

    assert "黄*强" in page
    assert "还没有收到这名学员的测试成绩" in page


def test_an_account_of_another_institutions_platform_is_unknown(tmp_path: Path) -> None:
    furnished: Furnished = furnish(tmp_path)
    lms = lms_of(furnished)
    # The same LMS user at another institution's platform is somebody else.
    furnished.enrol("lms-user-7", CHEN, CHEN_ID, run=OTHER_RUN, org=OTHER_ORG)

    answer = lms.review(browser(furnished), "lms-user-7")

    assert "review_learner_unknown" in answer.text
    assert LMS not in answer.text


def test_a_learner_of_another_class_run_is_not_shown(tmp_path: Path) -> None:
    lms = lms_of_ready_learners(tmp_path)
    house = lms.furnished.house
    with house.uow.for_institution(ORG) as tx:
        store = house.at(tx).registry_store
        run = store.class_run(RUN)
        assert run is not None
        store.add_class_run(replace(run, id=ClassRunId("run_second")))
        store.save_lti_context(LtiContext(PLATFORM, "course-second", ClassRunId("run_second")))

    answer = lms.review(browser(lms.furnished), CHEN_SUB, {CONTEXT: {"id": "course-second"}})

    assert answer.status_code == 403
    assert "review_learner_unknown" in answer.text
