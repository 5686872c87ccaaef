"""The reviewer's pages over HTTP: two people's word corrects a ledger, and nobody else's does."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bridge.identity.access_log import Access, newest, verify
from bridge.kernel.ids import CheckId, LearnerRef
from bridge.ledger.model import SecondsStatement
from bridge.presence.review.model import Review, ReviewState
from bridge.wiring.review_desk import expire_reviews
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, RUN, Furnished, furnish, token
from tests.web.reviewed import MISJUDGED, fail, frame, review_of


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


@pytest.fixture
def learner(furnished: Furnished) -> LearnerRef:
    _account, learner = furnished.enrol("chen", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    return learner


@pytest.fixture
def check(furnished: Furnished, learner: LearnerRef) -> CheckId:
    frame(furnished, learner, None)
    return fail(furnished, learner)


def statement(furnished: Furnished, learner: LearnerRef) -> SecondsStatement:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).ledger.statement(learner, RUN)


def post(client: FlaskClient, path: str, **form: str) -> int:
    """Send a form with the page's own token, and return the answer's status."""
    data = {"csrf_token": token(client, "/platforms/new"), **form}
    return client.post(path, data=data).status_code


def at(review: Review, *more: str) -> str:
    return "/".join([f"/institution/reviews/{review.id}", *more])


def accesses(furnished: Furnished) -> list[Access]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return newest(tx, learner=None, before=None, limit=200)


def test_two_people_who_see_that_a_machine_was_wrong_give_the_time_back(
    furnished: Furnished, learner: LearnerRef
) -> None:
    before = statement(furnished, learner)
    review = review_of(furnished, fail(furnished, learner))
    assert statement(furnished, learner).credited_seconds < before.credited_seconds
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")

    assert post(lin, at(review, "decide"), reason="same_person") == 303
    furnished.work_off()
    assert statement(furnished, learner).credited_seconds < before.credited_seconds
    assert post(zhou, at(review, "confirm")) == 303
    furnished.work_off()

    assert statement(furnished, learner).credited_seconds == before.credited_seconds
    assert review_of(furnished, review.check).state is ReviewState.OVERTURNED
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        (correction,) = furnished.house.at(tx).corrections.of(learner, RUN)
        entry = furnished.house.at(tx).ledger.entries(learner, RUN)[-1]
    assert (correction.what, correction.details) == ("check_void", {"check": review.check})
    assert correction.state == "confirmed"
    assert (correction.proposed_by, correction.decided_by) == (
        review_of(furnished, review.check).decided_by,
        review_of(furnished, review.check).closed_by,
    )
    assert (entry.kind, entry.data["reason"]) == ("correction", "check_misjudged")
    page = zhou.get(at(review)).text
    assert 'data-testid="to-correction"' in page


def test_a_check_that_was_set_aside_already_is_not_corrected_twice(
    furnished: Furnished, learner: LearnerRef, check: CheckId
) -> None:
    review = review_of(furnished, check)
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        data = {
            "learner": learner,
            "class_run": RUN,
            "check": check,
            "correction": "check_misjudged",
            "decided_by": "staff_a",
            "confirmed_by": "staff_b",
        }
        stations.correct_after_review(data)
        stations.correct_after_review(data)
        assert len(stations.corrections.of(learner, RUN)) == 1
        stations.correct_after_review({**data, "correction": "", "check": "chk_other"})
        assert len(stations.corrections.of(learner, RUN)) == 1
    assert not review.is_final


def test_an_upheld_check_changes_nothing(furnished: Furnished, learner: LearnerRef, check: CheckId) -> None:
    review, before = review_of(furnished, check), statement(furnished, learner)
    assert post(furnished.as_staff("staff-lin"), at(review, "decide"), reason="not_same_person") == 303
    assert post(furnished.as_staff("staff-zhou"), at(review, "confirm")) == 303
    furnished.work_off()
    assert statement(furnished, learner) == before
    assert review_of(furnished, check).state is ReviewState.UPHELD


def test_the_case_shows_what_decided_it_and_on_what_basis(furnished: Furnished, check: CheckId) -> None:
    page = furnished.as_staff("staff-lin").get(at(review_of(furnished, check))).text.replace("<wbr>", "")
    for said in ("0.120", "0.300", "other_person_below", "default", "依据：惯例，非法规", "第二十四条"):
        assert said in page, said
    assert page.count('data-testid="frame"') == 2
    assert CHEN not in page
    assert CHEN_ID not in page
    for parameter in (
        "presence.face_required",
        "presence.answer_window_seconds",
        "presence.attempts_per_check",
    ):
        assert f'data-parameter="{parameter}"' in page


def test_each_look_at_a_face_is_in_the_access_log(
    furnished: Furnished, learner: LearnerRef, check: CheckId
) -> None:
    review, client = review_of(furnished, check), furnished.as_staff("staff-lin")
    page = client.get(at(review)).text
    faces = [part.split('"')[0] for part in page.split('data-face="')[1:]]
    assert len(faces) == 4  # the list's photo, the registration, two frames of the check
    begun = len(accesses(furnished))
    for face in faces:
        answer = client.get(at(review, "faces", face))
        assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
        assert answer.headers["Cache-Control"] == "no-store"
    seen = accesses(furnished)[: len(accesses(furnished)) - begun]
    assert {one.what for one in seen} == {"face"}
    assert sorted(one.purpose for one in seen) == [
        "review.check_frame",
        "review.check_frame",
        "review.id_photo",
        "review.reference",
    ]
    assert {one.learner for one in seen} == {learner}
    with furnished.house.uow.across_institutions("test: is the chain whole", read_only=True) as tx:
        assert verify(tx.session, furnished.house.cipher)[1] == []
    log = client.get("/institution/access-log").text
    assert "核验复核：抓拍照片" in log
    assert "人脸照片" in log


def test_only_faces_of_the_case_are_shown(furnished: Furnished, learner: LearnerRef, check: CheckId) -> None:
    review, client = review_of(furnished, check), furnished.as_staff("staff-lin")
    elsewhere = fail(furnished, learner, "unsure", at=MISJUDGED + timedelta(minutes=11))
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        foreign = next(
            one.id
            for one in furnished.house.at(tx).presence_store.frames_of(learner, RUN)
            if one.check_id == elsewhere
        )
    begun = len(accesses(furnished))
    for face in (foreign, "frm_unknown", "..%2Fmaster.key"):
        assert client.get(at(review, "faces", face)).status_code == 404
    assert len(accesses(furnished)) == begun


def test_the_queue_is_by_age_and_by_class_run(
    furnished: Furnished, learner: LearnerRef, check: CheckId
) -> None:
    furnished.clock.advance(days=2)
    fail(furnished, learner, "unsure", at=MISJUDGED + timedelta(minutes=11))
    furnished.clock.advance(days=4)
    client = furnished.as_staff("staff-lin")
    page = client.get("/institution/reviews").text
    assert page.index("与登记的人脸不一致") < page.index("无法确认是否本人")
    assert page.count('data-testid="review"') == 2
    assert page.count('data-testid="review-overdue"') == 1
    assert client.get(f"/institution/reviews?class_run={RUN}").text.count('data-testid="review"') == 2
    assert client.get("/institution/reviews?class_run=run_sz").status_code == 404
    assert CHEN[0] + "*" not in page


def test_nobody_confirms_the_own_word(furnished: Furnished, learner: LearnerRef, check: CheckId) -> None:
    review, client = review_of(furnished, check), furnished.as_staff("staff-lin")
    assert post(client, at(review, "decide"), reason="same_person") == 303
    assert post(client, at(review, "confirm")) == 403
    assert post(client, at(review, "send-back"), reason="look_again") == 403
    page = client.get(at(review)).text
    assert 'data-testid="review-undo"' in page
    assert 'data-testid="review-confirm"' not in page
    furnished.work_off()
    assert review_of(furnished, check).state is ReviewState.DECIDED


def test_a_word_is_taken_back_until_it_is_confirmed(furnished: Furnished, check: CheckId) -> None:
    review = review_of(furnished, check)
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")
    assert post(lin, at(review, "decide"), reason="same_person") == 303
    assert post(zhou, at(review, "undo")) == 403
    assert post(lin, at(review, "undo")) == 303
    assert post(lin, at(review, "decide"), reason="cannot_tell") == 303
    assert post(zhou, at(review, "confirm")) == 303
    assert post(lin, at(review, "undo")) == 409
    assert review_of(furnished, check).state is ReviewState.UPHELD


def test_what_is_sent_back_is_decided_anew(furnished: Furnished, check: CheckId) -> None:
    review = review_of(furnished, check)
    lin, zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")
    assert post(lin, at(review, "decide"), reason="same_person") == 303
    assert post(zhou, at(review, "send-back"), reason="因为他姓王") == 422
    assert post(zhou, at(review, "send-back"), reason="look_again") == 303
    assert 'data-testid="review-sent-back"' in lin.get(at(review)).text
    assert post(lin, at(review, "decide"), reason="因为他姓王") == 422


@pytest.mark.parametrize("step", ["decide", "undo", "send-back", "confirm"])
def test_strangers_do_nothing_to_a_case(
    furnished: Furnished, learner: LearnerRef, check: CheckId, step: str
) -> None:
    review = review_of(furnished, check)
    with furnished.house.uow.for_institution(ORG) as tx:
        if step != "decide":
            furnished.house.at(tx).reviews.decide(review.id, "same_person", "staff_lin")
    stands, form = review_of(furnished, check), {"reason": "same_person"}
    other = furnished.as_staff("staff-ping")  # another institution's
    assert post(other, at(review, step), **form) in (404, 422)
    official = furnished.as_staff("official-guangzhou")
    learners = furnished.as_learner(furnished.account("chen"), learner)
    nobody = furnished.client()
    for client in (official, learners, nobody):
        data = {"csrf_token": token(client, "/sign-in" if client is not learners else "/learner"), **form}
        assert client.post(at(review, step), data=data).status_code in (302, 303, 403)
    assert furnished.as_staff("staff-zhou").post(at(review, step), data=form).status_code == 400  # CSRF
    assert review_of(furnished, check) == stands


def test_strangers_see_no_case_and_no_face(furnished: Furnished, learner: LearnerRef, check: CheckId) -> None:
    review = review_of(furnished, check)
    paths = [
        "/institution/reviews",
        at(review),
        at(review, "faces", "reference"),
        f"/institution/class-runs/{RUN}/learners/{learner}/checks",
        f"/institution/class-runs/{RUN}/to-do",
    ]
    begun = len(accesses(furnished))
    learners = furnished.as_learner(furnished.account("chen"), learner)
    for client in (furnished.client(), learners, furnished.as_staff("official-guangzhou")):
        for path in paths:
            assert client.get(path).status_code in (302, 303, 403), path
    other = furnished.as_staff("staff-ping")
    assert 'data-testid="review"' not in other.get(paths[0]).text
    for path in paths[1:]:
        assert other.get(path).status_code == 404, path
    assert [
        one for one in accesses(furnished)[: len(accesses(furnished)) - begun] if one.what == "face"
    ] == []


def test_staff_put_a_check_before_people_themselves(furnished: Furnished, learner: LearnerRef) -> None:
    check = fail(furnished, learner, "too_poor")
    client = furnished.as_staff("staff-lin")
    path = f"/institution/class-runs/{RUN}/learners/{learner}/checks"
    assert 'data-testid="open-review"' in client.get(path).text
    assert post(client, f"{path}/{check}/review") == 303
    assert review_of(furnished, check).opened_by is not None
    assert post(client, f"{path}/{check}/review") == 409
    _account, other = furnished.enrol("huang", HUANG, HUANG_ID)
    foreign = f"/institution/class-runs/{RUN}/learners/{other}/checks/{check}/review"
    assert post(client, foreign) == 404


def test_what_nobody_looked_at_ends_by_itself(furnished: Furnished, check: CheckId) -> None:
    furnished.clock.advance(days=30)
    expire_reviews(furnished.house)
    assert review_of(furnished, check).state is ReviewState.WAITING
    furnished.clock.advance(days=1)
    expire_reviews(furnished.house)
    assert review_of(furnished, check).state is ReviewState.EXPIRED
