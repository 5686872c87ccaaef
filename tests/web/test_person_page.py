"""Over HTTP: names, employers and documents change by two people, records are merged, papers of before stay."""

import re
import tempfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from bridge.kernel.ids import LearnerRef
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    JPEG,
    NOW,
    ORG,
    RUN,
    Furnished,
    furnish,
    token,
)
from tests.web.test_account_release_page import owner
from tests.web.test_card_check_page import Counter

NEW_NAME = "陈晓平"


class Office:
    """Two members of staff at one learner's record."""

    def __init__(self, furnished: Furnished, learner: LearnerRef) -> None:
        self.furnished = furnished
        self.url = f"/institution/class-runs/{RUN}/learners/{learner}/person"
        self.lin, self.zhou = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")

    def post(
        self, client: FlaskClient, path: str, evidence: bytes | None = None, **form: str
    ) -> tuple[int, str]:
        data: dict[str, object] = {"csrf_token": token(client, "/platforms/new"), **form}
        if evidence is not None:
            data["evidence"] = (BytesIO(evidence), "proof.jpg")
        answer = client.post(self.url + path, data=data, content_type="multipart/form-data")
        self.furnished.work_off()
        return answer.status_code, answer.text

    def propose(self, **form: str) -> tuple[int, str]:
        sent = {
            "kind": "name",
            "value": NEW_NAME,
            "from_date": "2026-11-24",
            "evidence_kind": "public_security",
            **form,
        }
        return self.post(self.lin, "/versions", JPEG, **sent)

    def change(self, client: FlaskClient | None = None) -> str:
        found = re.search(
            r"/changes/(idc_[0-9a-z]+)/(?:confirm|withdraw)", (client or self.lin).get(self.url).text
        )
        assert found is not None
        return found[1]

    def confirm(
        self, client: FlaskClient | None = None, value: str = NEW_NAME, checked: str = "1"
    ) -> tuple[int, str]:
        client = client or self.zhou
        return self.post(client, f"/changes/{self.change()}/confirm", value=value, checked=checked)

    def merge(self, number: str) -> tuple[int, str]:
        return self.post(self.lin, "/merge", JPEG, other_number=number)


@pytest.fixture
def office(furnished: Furnished) -> Office:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    return Office(furnished, learner)


def test_a_name_changes_by_two_people_and_every_look_is_logged(office: Office) -> None:
    assert office.propose()[0] == 303
    shown = office.lin.get(office.url).text
    assert 'data-testid="change-withdraw"' in shown
    assert 'data-testid="change-confirm"' not in shown
    assert (NEW_NAME in shown, CHEN in shown, CHEN_ID in shown) == (False, False, False)

    status, page = office.confirm(value="陈晓萍")
    assert status == 422
    assert 'data-testid="change-error"' in page
    assert office.confirm()[0] == 303

    page = office.zhou.get(office.url).text
    assert 'data-kind="name" data-state="confirmed"' in page
    assert "staff-lin" in page
    assert "staff-zhou" in page
    assert NEW_NAME not in page
    log = office.lin.get("/institution/access-log").text
    assert "身份变更页面" in log


def test_evidence_is_shown_to_staff_alone_and_logged(office: Office) -> None:
    office.propose()
    where = f"{office.url}/changes/{office.change()}/evidence"
    answer = office.zhou.get(where)
    assert (answer.data, answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (
        JPEG,
        "image/jpeg",
        "no-store",
    )
    assert "核对身份变更的证明材料" in office.lin.get("/institution/access-log").text
    assert office.furnished.as_staff("staff-ping").get(where).status_code == 404
    assert office.furnished.as_staff("official-guangzhou").get(where).status_code == 403
    assert office.furnished.client().get(where).status_code == 303


def test_no_evidence_lies_on_the_disk_while_it_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a temporary file")

    office.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    close_class_run(office.furnished)
    office = Office(office.furnished, LearnerRef(office.url.split("/")[5]))
    fields = {
        '"csrf_token"': token(office.lin, "/platforms/new").encode(),
        '"other_number"': HUANG_ID.encode(),
        '"kind"': b"name",
        '"value"': NEW_NAME.encode(),
        '"from_date"': b"2026-11-24",
        '"evidence_kind"': b"public_security",
        '"evidence"; filename="proof.jpg"': JPEG + bytes(3 * 1024 * 1024),
    }
    # As a browser does; Flask's own client would keep large files on the disk.
    head = b"--b\r\nContent-Disposition: form-data; name="
    parts = [head + name.encode() + b"\r\n\r\n" + value for name, value in fields.items()]
    body = b"\r\n".join([*parts, b"--b--\r\n"])
    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, name, no_file)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", no_file, raising=False)
    for path in ("/versions", "/merge"):
        answer = office.lin.post(office.url + path, data=body, content_type="multipart/form-data; boundary=b")
        assert answer.status_code == 303, answer.text


def test_the_proposer_alone_changes_nothing(office: Office) -> None:
    office.propose()
    status, page = office.confirm(office.lin)
    assert (status, 'data-testid="change-error"' in page) == (403, True)
    assert office.confirm(checked="")[0] == 422
    assert 'data-state="proposed"' in office.lin.get(office.url).text


def test_taken_back_is_final(office: Office) -> None:
    office.propose()
    change = office.change()
    assert office.post(office.lin, f"/changes/{change}/withdraw")[0] == 303
    assert office.post(office.zhou, f"/changes/{change}/confirm", value=NEW_NAME, checked="1")[0] == 409
    assert 'data-state="withdrawn"' in office.lin.get(office.url).text


@pytest.mark.parametrize(
    "form",
    [{"kind": "merge"}, {"from_date": "tomorrow"}, {"value": "陈1"}, {"evidence_kind": "hearsay"}],
)
def test_what_is_not_proposed(office: Office, form: dict[str, str]) -> None:
    status, page = office.propose(**form)
    assert (status, 'data-testid="propose-error"' in page) == (422, True)
    assert 'data-testid="change"' not in page


def test_nobody_else_decides(office: Office) -> None:
    office.propose()
    for login, status in (("staff-ping", 404), ("official-guangzhou", 403)):
        client = office.furnished.as_staff(login)
        at = "/authority" if login.startswith("official") else "/platforms/new"
        data = {"csrf_token": token(client, at), "value": NEW_NAME, "checked": "1"}
        answer = client.post(f"{office.url}/changes/{office.change()}/confirm", data=data)
        assert answer.status_code == status
    bare = office.zhou.post(f"{office.url}/changes/{office.change()}/confirm", data={"value": NEW_NAME})
    assert bare.status_code == 400
    assert 'data-state="proposed"' in office.lin.get(office.url).text


def test_a_paper_that_was_issued_prints_what_it_printed_and_later_ones_the_new_name(tmp_path: Path) -> None:
    furnished = furnish(tmp_path, with_fonts=True)
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    furnished.pass_test(learner)
    paper = furnished.papers(learner)[0]
    path = f"/verify/{paper.number}/{paper.verify_code}"
    before = furnished.client().get(path).text
    assert "陈*安" in before
    office = Office(furnished, learner)
    furnished.clock.advance(days=1)
    office = Office(furnished, learner)
    office.propose(from_date="2026-11-01", value="欧阳晓平")
    assert office.confirm(value="欧阳晓平")[0] == 303

    after = furnished.client().get(path).text
    assert "陈*安" in after
    assert "欧**平" not in after
    assert "欧**平" in office.lin.get(f"/institution/class-runs/{RUN}").text
    with furnished.house.uow.for_institution(ORG) as tx:
        person = furnished.house.at(tx).identity.disclose(learner, purpose="t", recipient="t", by="t")
    assert person.name == "欧阳晓平"


def close_class_run(furnished: Furnished) -> None:
    """Let the demonstration's class run be over."""
    furnished.clock.advance(days=400)


def test_two_records_of_one_human_are_merged_by_two_people(office: Office) -> None:
    account, huang = office.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    status, page = office.merge(HUANG_ID)
    assert status == 422
    assert "未结束的班次" in page.replace("\u2060", "")
    close_class_run(office.furnished)
    office = Office(office.furnished, LearnerRef(office.url.split("/")[5]))
    assert office.merge(HUANG_ID)[0] == 303
    assert owner(office.furnished, huang) == account

    assert office.confirm(value=HUANG_ID)[0] == 303
    assert owner(office.furnished, huang) is None
    page = office.lin.get(office.url).text
    assert page.count('data-testid="record"') == 2
    assert "两份学员记录确认为同一人" in page
    theirs = office.lin.get(office.url.replace(office.url.split("/")[5], huang)).text
    assert 'data-testid="person-merged"' in theirs
    assert 'data-testid="propose-open"' not in theirs
    with office.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        identity = office.furnished.house.at(tx).identity
        store = identity._store  # the blind index is what is looked at
        assert store.learner_with(HUANG_ID) == store.learner_with(CHEN_ID) == office.url.split("/")[5]


def test_an_account_goes_over_to_the_record_that_has_none(office: Office) -> None:
    survivor = LearnerRef(office.url.split("/")[5])
    account, huang = office.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    with office.furnished.house.uow.for_institution(ORG) as tx:
        identity = office.furnished.house.at(tx).identity
        own = owner(office.furnished, survivor)
        assert own is not None
        identity.release_account(own, reason="account_lost", by="stf_x")
    close_class_run(office.furnished)
    office = Office(office.furnished, survivor)
    office.merge(HUANG_ID)
    assert office.confirm(value=HUANG_ID)[0] == 303
    assert (owner(office.furnished, huang), owner(office.furnished, survivor)) == (None, account)


def test_no_class_run_is_counted_twice(tmp_path: Path) -> None:
    furnished = furnish(tmp_path)
    _, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _, huang = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    for learner in (chen, huang):
        start = NOW - timedelta(hours=3)
        furnished.watch(learner, f"ses_{learner}"[:40], "unit_electric", start, 600)
        for minute in (0, 5, 10):
            furnished.check(learner, f"ses_{learner}"[:40], start + timedelta(minutes=minute))
    close_class_run(furnished)
    office = Office(furnished, chen)
    status, page = office.merge(HUANG_ID)
    assert status == 422
    assert "重复计算" in page.replace("\u2060", "")
    with furnished.house.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM identity_change")).scalar() == 0


def test_certificates_of_a_merged_record_stay_valid(tmp_path: Path) -> None:
    furnished = furnish(tmp_path, with_fonts=True)
    _, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _, huang = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    furnished.finish_course(huang)
    furnished.pass_test(huang)
    paper = furnished.papers(huang)[0]
    path = f"/verify/{paper.number}/{paper.verify_code}"
    before = furnished.client().get(path).text
    close_class_run(furnished)
    office = Office(furnished, chen)
    assert office.merge(HUANG_ID)[0] == 303
    assert office.confirm(value=HUANG_ID)[0] == 303
    after = furnished.client().get(path).text
    assert re.sub(r'nonce="[^"]*"|value="[^"]*"', "", after) == re.sub(
        r'nonce="[^"]*"|value="[^"]*"', "", before
    )
    assert [one.number for one in furnished.papers(huang)] == [paper.number]


def test_the_page_leads_on_from_the_card_check(tmp_path: Path) -> None:
    counter = Counter(furnish(tmp_path))
    at_learner = counter.staff.get(counter.url.removesuffix("/card-check")).text
    assert 'data-testid="to-card-check"' in at_learner
    assert 'data-testid="to-person"' in at_learner


def merged_office(office: Office) -> tuple[Office, LearnerRef]:
    """Huang's record was merged into the office's by mistake."""
    _, huang = office.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    close_class_run(office.furnished)
    office = Office(office.furnished, LearnerRef(office.url.split("/")[5]))
    office.merge(HUANG_ID)
    assert office.confirm(value=HUANG_ID)[0] == 303
    return office, huang


def test_a_wrong_merge_is_undone_by_two_people_and_the_page_says_what_is_left(office: Office) -> None:
    office, huang = merged_office(office)
    assert 'data-testid="unmerge-open"' in office.lin.get(office.url).text
    status, page = office.post(office.lin, "/unmerge", JPEG, other=huang, reason="hearsay")
    assert (status, 'data-testid="unmerge-error"' in page) == (422, True)
    assert office.post(office.lin, "/unmerge", JPEG, other=huang, reason="wrong_record")[0] == 303
    assert office.confirm(office.lin, value=HUANG_ID)[0] == 403
    assert office.confirm(value=HUANG_ID)[0] == 303

    page = office.lin.get(office.url).text
    assert 'data-kind="merge" data-state="undone"' in page
    assert 'data-kind="unmerge" data-state="confirmed"' in page
    assert "合并时选错了记录" in page.replace("\u2060", "")
    assert 'data-testid="left-nothing"' in page
    assert (page.count('data-testid="record"'), HUANG_ID in page, HUANG in page) == (1, False, False)
    theirs = office.lin.get(office.url.replace(office.url.split("/")[5], huang)).text
    assert 'data-testid="person-merged"' not in theirs
    assert 'data-testid="propose-open"' in theirs


def test_places_are_given_back_only_after_an_undone_merge(office: Office) -> None:
    office, huang = merged_office(office)
    office.post(office.lin, "/unmerge", JPEG, other=huang, reason="two_humans")
    change = office.change()
    assert office.post(office.zhou, f"/changes/{change}/give-back")[0] == 404
    assert office.confirm(value=HUANG_ID)[0] == 303
    assert office.post(office.zhou, f"/changes/{change}/give-back")[0] == 303


def test_a_face_is_registered_anew_by_two_people(office: Office) -> None:
    learner = LearnerRef(office.url.split("/")[5])
    assert 'data-testid="face-reset-open"' not in office.lin.get(office.url).text
    office.furnished.capture(learner, anchored_at=NOW)
    assert 'data-testid="face-reset-open"' in office.lin.get(office.url).text
    for form in ({"reason": "learner_asked"}, {"checked": "1"}):
        status, page = office.post(office.lin, "/face-reset", None, **form)
        assert (status, 'data-testid="face-reset-error"' in page) == (422, True)
    assert office.post(office.lin, "/face-reset", None, reason="learner_asked", checked="1")[0] == 303
    assert office.confirm(office.lin, value="")[0] == 403
    assert office.confirm(value="")[0] == 303
    page = office.lin.get(office.url).text
    assert 'data-kind="face_reset" data-state="confirmed"' in page
    assert 'data-testid="face-reset-open"' not in page
