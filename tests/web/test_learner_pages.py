"""The learner's page: consent, real name with reasons in place, progress, own papers only."""

import hashlib
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from bridge.identity.consent import FACE_CONSENT
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.presence.model import RecogniserInForce
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    NOW,
    OTHER_ORG,
    OTHER_RUN,
    STRANGER,
    STRANGER_ID,
    Furnished,
    token,
)

Finished = tuple[Furnished, str, LearnerRef, str]


def state(page: str, step: str) -> str:
    start = page.index(f'data-testid="step-{step}" data-state="') + len(
        f'data-testid="step-{step}" data-state="'
    )
    return page[start : page.index('"', start)]


def prove(client: FlaskClient, name: str, citizen_id: str) -> tuple[int, str]:
    data = {"csrf_token": token(client, "/learner"), "name": name, "citizen_id": citizen_id}
    answer = client.post("/learner/real-name", data=data)
    return answer.status_code, answer.text


def test_the_steps_open_one_after_the_other(furnished: Furnished) -> None:
    client = furnished.as_learner(furnished.account("lms-user-1001"))
    steps = ("consent", "real_name", "face", "study", "papers")

    first = client.get("/learner").text
    client.post(
        "/learner/consent", data={"csrf_token": token(client, "/learner"), "version": FACE_CONSENT.version}
    )
    second = client.get("/learner").text
    prove(client, CHEN, CHEN_ID)
    furnished.work_off()
    third = client.get("/learner").text

    assert [state(first, s) for s in steps] == ["current", "open", "later", "later", "later"]
    assert [state(second, s) for s in steps] == ["done", "current", "later", "later", "later"]
    assert [state(third, s) for s in steps] == ["done", "done", "current", "later", "later"]


def test_after_a_change_of_model_the_face_is_registered_anew_and_the_page_says_why(
    furnished: Furnished,
) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_learner(account, learner)
    furnished.capture(learner, anchored_at=NOW)
    assert state(client.get("/learner").text, "face") == "done"
    assert "face-renewal" not in client.get("/learner/face").text

    furnished.house.__dict__["recogniser"] = RecogniserInForce("newer-model", "f" * 64)

    home, capture = client.get("/learner").text, client.get("/learner/face").text
    assert state(home, "face") == "current"
    for page in (home, capture):
        assert 'data-testid="face-renewal"' in page
        assert "已有学时不受影响" in page
    assert 'data-testid="face-start"' in capture


def test_who_declines_reads_of_the_other_way(furnished: Furnished) -> None:
    page = furnished.as_learner(furnished.account("lms-user-1001")).get("/learner").text

    assert 'data-testid="way-supervised"' in page
    assert "学时、考试、证明和费用与刷脸的学员完全一样" in page
    assert furnished.as_learner(furnished.account("lms-user-1001")).get("/learner/face").status_code == 303


def test_consent_can_be_taken_back(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_learner(account, learner)

    client.post("/learner/consent/revoke", data={"csrf_token": token(client, "/learner")})

    page = client.get("/learner").text
    assert 'data-testid="way" data-way="supervised"' in page
    assert [state(page, step) for step in ("consent", "face")] == ["done", "done"]


def test_an_outdated_consent_text_is_not_consent(furnished: Furnished) -> None:
    client = furnished.as_learner(furnished.account("lms-user-1001"))

    answer = client.post(
        "/learner/consent", data={"csrf_token": token(client, "/learner"), "version": "face-2020-1"}
    )

    assert answer.status_code == 409
    assert state(client.get("/learner").text, "consent") == "current"


@pytest.mark.parametrize(
    ("name", "citizen_id", "field"),
    [
        (CHEN, "440199199003071218", "real-name-id-error"),
        (CHEN, "44019919900307", "real-name-id-error"),
        (CHEN, "", "real-name-id-error"),
        (STRANGER, STRANGER_ID, "real-name-id-error"),
        (HUANG, CHEN_ID, "real-name-name-error"),
        ("", CHEN_ID, "real-name-name-error"),
    ],
)
def test_a_refused_name_says_why_at_the_field(
    furnished: Furnished, name: str, citizen_id: str, field: str
) -> None:
    client = furnished.as_learner(furnished.account("lms-user-1001"))

    status, page = prove(client, name, citizen_id)

    assert status == 422
    assert f'data-testid="{field}"' in page
    assert state(page, "real_name") != "done"


def test_a_second_account_of_the_same_person_is_refused_on_the_form(furnished: Furnished) -> None:
    furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_learner(furnished.account("lms-user-1004"))

    status, page = prove(client, CHEN, CHEN_ID)

    assert status == 422
    assert 'data-testid="real-name-error"' in page
    assert "原账号" in page


def test_typed_markup_comes_back_as_text(furnished: Furnished) -> None:
    client = furnished.as_learner(furnished.account("lms-user-1001"))

    _status, page = prove(client, '"><script>alert(1)</script>', CHEN_ID)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_once_proved_the_name_is_shown_masked_and_the_number_nowhere(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)

    page = furnished.as_learner(account, learner).get("/learner").text

    assert "陈*安" in page
    assert "440***********1219" in page
    assert CHEN not in page
    assert CHEN_ID not in page


def test_the_real_name_form_is_limited_for_one_account_and_not_for_the_classroom(
    furnished: Furnished,
) -> None:
    first = furnished.as_learner(furnished.account("lms-user-1001"))
    form = {"csrf_token": token(first, "/learner"), "name": CHEN, "citizen_id": "1"}

    statuses = [first.post("/learner/real-name", data=form).status_code for _ in range(21)]

    assert statuses[-1] == 429
    assert set(statuses[:-1]) == {422}
    second = furnished.as_learner(furnished.account("lms-user-1002"))
    assert prove(second, HUANG, HUANG_ID)[0] == 303


def test_progress_shows_each_kind_of_time_with_its_reason_and_clause(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    start = NOW - timedelta(hours=1)
    anchor = {"at_ms": epoch_ms(start), "method": "id_photo", "good_frames": 3}
    furnished.record(learner, [("anchor", anchor)])
    furnished.watch(learner, "ses_made_up", "unit_electric", start, 1200)
    furnished.check(learner, "ses_made_up", start)
    furnished.check(learner, "ses_made_up", start + timedelta(minutes=5))
    furnished.check(
        learner, "ses_made_up", start + timedelta(minutes=11), "missed", due=start + timedelta(minutes=8)
    )

    fragment = furnished.as_learner(account, learner).get("/learner/progress").text

    assert 'data-testid="progress-credited" data-seconds="300"' in fragment
    assert 'data-testid="progress-provisional" data-seconds="180"' in fragment
    assert 'data-testid="progress-refused" data-seconds="720"' in fragment
    assert 'data-reason="check_missed"' in fragment
    assert "粤应急规〔2022〕3号第二十四条" in fragment
    assert "<html" not in fragment


def test_a_learner_downloads_the_own_paper_byte_for_byte(finished: Finished) -> None:
    house, account, learner, number = finished

    answer = house.as_learner(account, learner).get(f"/learner/certificates/{number}.pdf")

    assert answer.status_code == 200
    assert answer.mimetype == "application/pdf"
    assert hashlib.sha256(answer.data).hexdigest() == house.papers(learner)[0].sha256
    assert answer.headers["Cache-Control"] == "no-store"


def test_another_learners_paper_reads_like_none(finished_alone: Finished) -> None:
    house, _account, _learner, number = finished_alone
    account, other = house.enrol("lms-user-1002", HUANG, HUANG_ID)

    theirs = house.as_learner(account, other).get(f"/learner/certificates/{number}.pdf")
    nobodys = house.as_learner(account, other).get(
        "/learner/certificates/440100-2026-00000-00000-00000-0.pdf"
    )

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text == nobodys.text


def test_a_learner_of_another_institution_gets_no_paper(finished_alone: Finished) -> None:
    house, _account, _learner, number = finished_alone
    account, other = house.enrol("lms-user-1001", CHEN, CHEN_ID, run=OTHER_RUN, org=OTHER_ORG)
    client = house.as_learner(account, other, run=OTHER_RUN, org=OTHER_ORG)

    assert client.get(f"/learner/certificates/{number}.pdf").status_code == 404
    assert client.get("/learner").status_code == 200


@pytest.mark.parametrize(
    ("content_type", "size", "status"), [("text/plain", 10, 415), ("image/jpeg", 512 * 1024 + 1, 413)]
)
def test_a_face_frame_of_the_wrong_kind_or_size_is_refused(
    furnished: Furnished, content_type: str, size: int, status: int
) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    client = furnished.as_learner(account, learner)
    headers = {"X-CSRFToken": token(client, "/learner"), "Accept": "application/json"}

    answer = client.post(
        "/learner/face/frames", data=b"\xff" * size, headers=headers, content_type=content_type
    )

    assert answer.status_code == status
    assert set(answer.json or {}) >= {"reason", "message"}
