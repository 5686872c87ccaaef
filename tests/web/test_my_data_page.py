"""The learner's own data: what is kept, masked; consents with a way out; a copy; deletion with what the law keeps."""

import base64
import io
import json
import zipfile
from datetime import timedelta

from flask.testing import FlaskClient

from bridge.identity.consent import FACE, FACE_CONSENT, FACE_SEARCH, FACE_SEARCH_CONSENT
from bridge.intake.xapi.credentials import Issued
from bridge.intake.xapi.model import Scope
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.wiring.my_data import own_data
from bridge.wiring.person_changes import confirm_change, propose_merge
from bridge.wiring.xapi import credentials
from tests.intake.xapi.statements import statement, uid
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    JPEG,
    LMS,
    NOW,
    ORG,
    PLATFORM,
    RUN,
    Furnished,
    token,
)
from tests.web.reviewed import frame
from tests.wiring.test_key_ends import alike

PAGE = "/learner/my-data"


def with_a_face(furnished: Furnished, sub: str = "lms-user-1001") -> tuple[str, LearnerRef, FlaskClient]:
    account, learner = furnished.enrol(sub, CHEN, CHEN_ID)
    with furnished.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        furnished.house.at(tx).vault.put(scope, b"made up, no face", "application/octet-stream")
    furnished.capture(learner, anchored_at=NOW)
    return account, learner, furnished.as_learner(account, learner)


def post(client: FlaskClient, path: str, **form: str) -> int:
    return client.post(path, data={"csrf_token": token(client, PAGE), **form}).status_code


def face_evidence(page: str) -> list[str]:
    marker = 'data-testid="my-evidence" data-purpose="face_template" data-state="'
    return [part.split('"')[0] for part in page.split(marker)[1:]]


def test_it_is_for_who_has_proved_a_name(furnished: Furnished) -> None:
    assert furnished.client().get(PAGE).status_code in (303, 401, 403)
    stranger = furnished.as_learner(furnished.account("lms-user-1001"))
    assert stranger.get(PAGE).status_code == 303


def test_name_and_number_stand_masked_in_page_and_file(furnished: Furnished) -> None:
    _account, _learner, client = with_a_face(furnished)
    page, content = client.get(PAGE).text, client.get(f"{PAGE}/export").data
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {"anxue-my-data.json", "anxue-my-data.html"}
    for text in (page, *texts.values()):
        assert CHEN not in text
        assert CHEN_ID not in text
        assert "陈*安" in text
    told = json.loads(texts["anxue-my-data.json"])
    assert {"person", "accounts", "faces", "evidence", "consents", "class_runs", "accesses"} <= set(told)
    assert told["faces"] == [
        {
            "class_run": RUN,
            "registered": True,
            "templates": 2,
            "model": furnished.house.recogniser.id,
            "in_use": True,
            "photographs": 0,
            "marks": 0,
        }
    ]


def test_copies_are_limited_for_each_account_and_not_for_a_classroom(furnished: Furnished) -> None:
    _account, _learner, client = with_a_face(furnished)
    assert [client.get(f"{PAGE}/export").status_code for _ in range(11)] == [200] * 10 + [429]
    account, learner = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    assert furnished.as_learner(account, learner).get(f"{PAGE}/export").status_code == 200


def test_withdrawing_destroys_the_template_at_once_and_gives_the_other_way(furnished: Furnished) -> None:
    _account, learner, client = with_a_face(furnished)
    assert face_evidence(client.get(PAGE).text) == ["kept"]

    assert post(client, f"{PAGE}/consents/revoke", purpose=FACE) == 303

    # No job has run: what rests on the consent ended with the answer itself.
    page = client.get(PAGE).text
    assert face_evidence(page) == ["destroyed"]
    assert 'data-testid="my-consent" data-purpose="supervised" data-state="in_force"' in page
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert furnished.house.at(tx).presence_store.reference(learner, RUN) is None


def test_a_job_that_comes_late_does_not_undo_a_consent_that_was_given_again(furnished: Furnished) -> None:
    account, learner, client = with_a_face(furnished)
    post(client, f"{PAGE}/consents/revoke", purpose=FACE)
    furnished.clock.advance(seconds=1)
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).identity.give_consent(account, FACE, FACE_CONSENT.version)
    furnished.capture(learner, anchored_at=NOW)
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert furnished.house.at(tx).presence_store.reference(learner, RUN) is not None


def test_each_purpose_is_taken_back_by_itself_and_the_search_with_the_faces(furnished: Furnished) -> None:
    account, learner, client = with_a_face(furnished)

    def in_force() -> list[bool]:
        with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            identity = furnished.house.at(tx).identity
            return [identity.consent_in_force(learner, one) for one in (FACE, FACE_SEARCH)]

    def search() -> None:
        with furnished.house.uow.for_institution(ORG) as tx:
            furnished.house.at(tx).identity.give_consent(account, FACE_SEARCH, FACE_SEARCH_CONSENT.version)

    search()
    assert in_force() == [True, True]
    furnished.clock.advance(seconds=1)
    post(client, f"{PAGE}/consents/revoke", purpose=FACE_SEARCH)
    assert in_force() == [True, False]
    furnished.clock.advance(seconds=1)
    search()
    post(client, f"{PAGE}/consents/revoke", purpose=FACE)
    assert in_force() == [False, False]
    assert post(client, f"{PAGE}/consents/revoke", purpose="everything") == 400


def test_who_looked_is_told_by_time_role_and_purpose_and_never_by_name(furnished: Furnished) -> None:
    _account, _learner, client = with_a_face(furnished)
    assert 'data-testid="my-access"' not in client.get(PAGE).text.replace("my-access-none", "")
    furnished.as_staff("staff-lin").get(f"/institution/class-runs/{RUN}")

    page = client.get(PAGE).text

    assert 'data-testid="my-access" data-role="institution"' in page
    assert "班次页面" in page
    assert "staff-lin" not in page


def test_nobody_sees_anothers_data(furnished: Furnished) -> None:
    _account, _learner, _client = with_a_face(furnished)
    other_account, other = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    page = furnished.as_learner(other_account, other).get(PAGE).text
    assert "陈*安" not in page
    assert face_evidence(page) == []


def test_deletion_says_what_stays_and_destroys_the_face_at_once(furnished: Furnished) -> None:
    _account, _learner, client = with_a_face(furnished)
    page = client.get(PAGE).text
    assert "法规要求培训机构在保存期内保留" in page
    assert post(client, f"{PAGE}/deletion") == 400
    assert face_evidence(client.get(PAGE).text) == ["kept"]

    assert post(client, f"{PAGE}/deletion", understood="1") == 303
    page = client.get(PAGE).text
    assert face_evidence(page) == ["destroyed"]
    assert 'data-testid="deletion-request" data-state="waiting"' in page
    assert 'data-testid="deletion-submit"' not in page


def test_what_is_kept_has_its_last_day(furnished: Furnished) -> None:
    _account, learner, client = with_a_face(furnished)
    _, other = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    alike(furnished, learner, other)
    made = frame(furnished, learner, None)
    with furnished.house.uow.for_institution(ORG) as tx:
        SqlChallengeStore(tx).add_mark(made, learner, "0" * 64)
        closes_on = furnished.house.at(tx).registry.class_run(RUN).closes_on
    data = own_data(furnished.house, ORG, furnished.account("lms-user-1001"), learner)
    until = {one["purpose"]: one["until"] for one in data["evidence"]}
    assert until == {
        "id_photo": (closes_on + timedelta(days=180)).isoformat(),
        "face_template": (closes_on + timedelta(days=30)).isoformat(),
        "face_frame": closes_on.replace(year=closes_on.year + 6).isoformat(),
    }
    assert [one["until"] for one in data["likenesses"]] == ["2027-05-23"]
    page = client.get(PAGE).text
    assert 'data-testid="my-marks"' in page
    assert 'data-testid="my-likeness"' in page
    # Whose face it is like is another person's affair.
    assert other not in page
    assert other not in json.dumps(data)


def test_records_that_were_merged_are_the_same_persons_data(furnished: Furnished) -> None:
    account, learner, client = with_a_face(furnished)
    _, other = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    before = face_evidence(client.get(PAGE).text)
    with furnished.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, other, EvidencePurpose.FACE_TEMPLATE, RUN)
        furnished.house.at(tx).vault.put(scope, b"made up, no face", "application/octet-stream")
    furnished.clock.advance(days=100)
    with furnished.house.uow.for_institution(ORG) as tx:
        change = propose_merge(furnished.house, tx, learner, HUANG_ID, evidence=JPEG, by="stf_lin")
    with furnished.house.uow.for_institution(ORG) as tx:
        confirm_change(
            furnished.house,
            tx,
            change.id,
            by="stf_zhou",
            typed=HUANG_ID,
            end_sessions=lambda *_: None,
        )
    page = furnished.as_learner(account, learner).get(PAGE).text
    assert (before, face_evidence(page)) == (["kept"], ["kept", "kept"])
    assert page.count('data-testid="my-account"') == 2
    assert f'data-testid="my-account">{PLATFORM}' not in page, "a platform has a name"
    assert 'data-testid="my-records"' in page


def test_learning_records_are_counted_for_whom_they_are_of(furnished: Furnished) -> None:
    _account, _learner, client = with_a_face(furnished)
    keys = credentials(furnished.house)
    own = keys.add(ORG, "platform", (Scope.WRITE,), by="test", registration=PLATFORM)
    foreign = keys.add(ORG, "elsewhere", (Scope.WRITE,), by="test")

    def say(key: Issued, number: int, **actor: object) -> None:
        pair = base64.b64encode(f"{key.credential.id}:{key.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "X-Experience-API-Version": "2.0.0"}
        said = [statement(id=uid(number), actor={"objectType": "Agent", **actor})]
        answer = furnished.client().post("/xAPI/statements", json=said, headers=headers)
        assert answer.status_code == 200, answer.text

    say(own, 1, account={"homePage": LMS, "name": "lms-user-1001"})
    say(foreign, 2, account={"homePage": LMS, "name": "lms-user-1001"})
    say(own, 3, account={"homePage": LMS, "name": "lms-user-1002"})
    say(foreign, 4, mbox="mailto:nobody@lms.example")
    assert 'data-testid="my-statements" data-count="2"' in client.get(PAGE).text


def test_what_is_earned_stays_what_it_was(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    client = furnished.as_learner(account, learner)

    def credited() -> int:
        with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            return furnished.house.at(tx).ledger.statement(learner, RUN).credited_seconds

    before = credited()
    furnished.clock.advance(seconds=1)
    assert post(client, f"{PAGE}/deletion", understood="1") == 303
    furnished.work_off()
    assert credited() == before > 0
    assert NOW + timedelta(seconds=1) == furnished.clock.now()
