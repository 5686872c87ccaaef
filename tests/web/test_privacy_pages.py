"""Staff record impact assessments and supervise learners; without an assessment no door takes a face."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.rules.model import RuleBook
from tests.privacy.test_stored_faces import LOWERED
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, OTHER_RUN, PASSWORD, RUN, Furnished, token

PRIVACY = "/institution/privacy"
DESK = f"/institution/class-runs/{RUN}/supervision"
TODAY = legal_date(NOW)
FORM = {
    "purpose": "face",
    "class_run": "",
    "version": "2026-2",
    "assessed_on": TODAY.isoformat(),
    "until": (TODAY + timedelta(days=30)).isoformat(),
    "assessed_by": "教务部(虚构)",
    "result": "with_measures",
    "necessity": "防止代学,虚构的记录。",
    "risks": "泄露和误判,虚构的记录。",
    "measures": "加密保存,虚构的记录。",
}


def record(client: FlaskClient, **changes: str) -> tuple[int, str]:
    answer = client.post(
        f"{PRIVACY}/assessments", data={"csrf_token": token(client, PRIVACY), **FORM, **changes}
    )
    return answer.status_code, answer.text


def switched(page: str) -> str:
    return page.split(f'data-class-run="{RUN}" data-on="')[1].split('"', maxsplit=1)[0]


def capture(client: FlaskClient) -> tuple[int, str]:
    answer = client.post(
        "/learner/face/frames",
        data=b"\xff\xd8\xff\xe0 no photograph",
        content_type="image/jpeg",
        headers={"X-CSRFToken": token(client, "/learner"), "Accept": "application/json"},
    )
    return answer.status_code, (answer.get_json() or {}).get("reason", "")


def test_a_refusal_that_is_recorded_closes_the_doors_at_once_and_says_what_to_do(
    furnished: Furnished,
) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    learner_browser, staff = furnished.as_learner(account, learner), furnished.as_staff("staff-lin")
    assert switched(staff.get(PRIVACY).text) == "yes"
    assert learner_browser.get("/learner/face").status_code == 200

    assert record(staff, result="refused")[0] == 303

    assert switched(staff.get(PRIVACY).text) == "no"
    assert capture(learner_browser) == (403, "impact_assessment_refused")
    assert learner_browser.get("/learner/face").status_code == 303
    page = learner_browser.get("/learner").text
    assert 'data-testid="no-faces" data-reason="impact_assessment_refused"' in page
    assert "工作人员监督" in page

    record(staff, version="2026-3")
    assert switched(staff.get(PRIVACY).text) == "yes"


def test_when_it_has_run_out_no_face_is_taken(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    assert record(furnished.as_staff("staff-lin"))[0] == 303
    furnished.clock.advance(days=31)
    browser = furnished.as_learner(account, learner)
    assert capture(browser) == (403, "impact_assessment_expired")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"result": ""}, "请选择评估结论"),
        ({"until": "someday"}, "请填写评估日期"),
        ({"risks": "请联系 13800138000 了解"}, "联系方式"),
        ({"version": "demo-1"}, "已经登记"),
    ],
)
def test_what_cannot_be_recorded_says_why_and_keeps_what_was_typed(
    furnished: Furnished, changes: dict[str, str], sentence: str
) -> None:
    status, page = record(furnished.as_staff("staff-lin"), **changes)
    assert status == 422
    assert sentence in page
    assert FORM["measures"] in page


def test_another_institutions_assessments_are_not_seen(furnished: Furnished) -> None:
    record(furnished.as_staff("staff-lin"), version="mine-7")
    assert "mine-7" not in furnished.as_staff("staff-ping").get(PRIVACY).text


def start(client: FlaskClient, learner: LearnerRef, **form: str) -> tuple[int, str]:
    answer = client.post(
        DESK,
        data={
            "csrf_token": token(client, DESK),
            "learner": learner,
            "mode": "in_person",
            "card_checked": "1",
            **form,
        },
    )
    return answer.status_code, answer.text


def running(page: str) -> list[str]:
    return [part.split('value="')[1].split('"')[0] for part in page.split('name="stretch" ')[1:]]


def test_who_chose_no_face_stands_first_and_is_supervised_from_the_page(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    browser, staff = furnished.as_learner(account, learner), furnished.as_staff("staff-lin")
    browser.post("/learner/consent/revoke", data={"csrf_token": token(browser, "/learner")})
    assert 'data-testid="asked"' in staff.get(DESK).text
    assert 'data-testid="supervision-waiting"' in browser.get("/learner").text

    assert start(staff, learner)[0] == 303

    page = staff.get(DESK).text
    (stretch,) = running(page)
    assert CHEN not in page
    assert 'data-testid="supervision-running"' in browser.get("/learner").text
    done = staff.post(
        f"{DESK}/confirm", data={"csrf_token": token(staff, DESK), "stretch": stretch, "do": "end"}
    )
    assert done.status_code == 303
    assert running(staff.get(DESK).text) == []


def test_the_card_must_have_been_seen(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    status, page = start(furnished.as_staff("staff-lin"), learner, card_checked="0")
    assert status == 400
    assert "请先核对本人和身份证件" in page
    assert running(page) == []


def test_staff_of_another_institution_supervise_nobody_here(furnished: Furnished) -> None:
    _account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    other = furnished.as_staff("staff-ping")
    assert other.get(DESK).status_code == 404
    theirs = f"/institution/class-runs/{OTHER_RUN}/supervision"
    answer = other.post(
        theirs,
        data={
            "csrf_token": token(other, theirs),
            "learner": learner,
            "mode": "in_person",
            "card_checked": "1",
        },
    )
    assert answer.status_code == 404


def test_operators_read_how_many_faces_are_stored_and_record_the_filing(
    furnished: Furnished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RuleBook, "pack_alone", lambda _book, _pack: LOWERED)
    with furnished.house.uow.across_institutions("test: an operator") as tx:
        staff = furnished.house.at(tx).staff
        staff.accept(staff.invite("operator", "op-wang").token, PASSWORD)
    operator = furnished.as_staff("op-wang")
    assert 'data-testid="stored-faces" data-state="below"' in operator.get("/compliance").text
    with furnished.house.uow.for_institution(ORG) as tx:
        for subject in ("elr_1", "elr_2", "elr_3"):
            scope = EvidenceScope(ORG, subject, EvidencePurpose.FACE_TEMPLATE, RUN)
            furnished.house.at(tx).vault.put(scope, b"made up, no face", "application/octet-stream")

    page = operator.get("/compliance").text
    assert 'data-testid="stored-faces" data-state="filing"' in page
    assert 'data-testid="filing-task"' in page
    filed = operator.post(
        "/compliance/faces-filed",
        data={"csrf_token": token(operator, "/compliance"), "reference": "备案回执示例"},
    )
    assert filed.status_code == 303
    assert 'data-testid="filing-task"' not in operator.get("/compliance").text

    of_institution = furnished.as_staff("staff-lin")
    assert 'data-testid="stored-faces"' not in of_institution.get("/compliance").text
    refused = of_institution.post(
        "/compliance/faces-filed",
        data={"csrf_token": token(of_institution, PRIVACY), "reference": "备案回执示例"},
    )
    assert refused.status_code == 403
