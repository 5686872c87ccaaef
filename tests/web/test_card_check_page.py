"""Over HTTP: what is studied is provisional until staff saw person and card, and nobody else can say so."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.identity.change_model import ChangeKind
from bridge.identity.consent import FACE
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef, new_id
from bridge.kernel.time import epoch_ms, legal_date
from bridge.presence.face import FaceObservation
from bridge.presence.model import FaceReference
from tests.presence.pictures import PictureEngine, picture, template
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    JPEG,
    NOW,
    ORG,
    OTHER_RUN,
    RUN,
    Furnished,
    furnish,
    token,
)
from tests.web.test_face_search_pages import assess

PLACE = "示例培训点一楼前台"


class NoIdPhotographs(PictureEngine):
    """Reads the made pictures alone, so that the list's stand-in for an ID photo anchors nobody."""

    def observe(self, jpeg: bytes) -> FaceObservation:
        if not jpeg.startswith(b"\xff\xd8\xff\xfe"):
            raise InvalidInput("frame_unreadable", "照片无法读取,请重新拍摄。")
        return super().observe(jpeg)


class Counter:
    """The house, a learner whose face is registered and nobody's yet, and staff at the counter."""

    def __init__(self, furnished: Furnished) -> None:
        self.furnished = furnished
        furnished.house.__dict__["engine_for_faces"] = NoIdPhotographs()
        self.account, self.learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        self.register()
        self.url = f"/institution/class-runs/{RUN}/learners/{self.learner}/card-check"
        self.staff = furnished.as_staff("staff-lin")

    def register(self) -> None:
        """Keep a new reference of the learner's face, as frames without an ID photo leave it."""
        scope = EvidenceScope(ORG, self.learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        with self.furnished.house.uow.for_institution(ORG) as tx:
            stations = self.furnished.house.at(tx)
            kept = stations.vault.put(scope, template(0).vector, "application/octet-stream")
            recogniser = self.furnished.house.recogniser
            reference = FaceReference(
                self.learner, RUN, *recogniser, (kept,), kept, None, False, new_id("fref")
            )
            stations.presence_store.forget_references(self.learner)
            stations.presence_store.save_reference(reference)

    @property
    def reference(self) -> tuple[str, bool]:
        """Name of the learner's face reference, and whether it is anchored."""
        with self.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            found = self.furnished.house.at(tx).presence_store.reference(self.learner, RUN)
        assert found is not None
        return found.id, found.anchored_ms is not None

    def add_place(self) -> str:
        """Return the id of the place, which is added at the first call."""
        self.post(self.staff, "/places", title=PLACE)
        found = re.search(r'<option value="(ccp_[0-9a-z]+)">', self.staff.get(self.url).text)
        assert found is not None
        return found[1]

    def post(self, client: FlaskClient, path: str = "", **form: str) -> tuple[int, str]:
        at = (
            "/learner"
            if client is not self.staff and "staff_id" not in _session(client)
            else "/platforms/new"
        )
        answer = client.post(self.url + path, data={"csrf_token": token(client, at), **form})
        return answer.status_code, answer.text

    def begin(self, number: str = CHEN_ID, client: FlaskClient | None = None, **form: str) -> tuple[str, str]:
        """Begin a check; return its id and the first nonce."""
        sent = {"place": self.add_place(), "card_number": number, "seen": "1", **form}
        status, page = self.post(client or self.staff, "", **sent)
        assert status == 200, page
        found = re.search(r'card-check/(scc_[0-9a-z]+)/frames".*?data-nonce="([0-9a-f]{32})"', page, re.S)
        assert found is not None, page
        return found[1], found[2]

    def show(
        self, check: str, nonce: str, jpeg: bytes, client: FlaskClient | None = None
    ) -> tuple[int, dict[str, Any]]:
        client = client or self.staff
        at = "/platforms/new" if "staff_id" in _session(client) else "/learner"
        answer = client.post(
            f"{self.url}/{check}/frames",
            data=jpeg,
            content_type="image/jpeg",
            headers={
                "X-CSRFToken": token(client, at),
                "X-Card-Check-Nonce": nonce,
                "Accept": "application/json",
            },
        )
        self.furnished.work_off()
        return answer.status_code, answer.get_json() or {}

    def study(self) -> None:
        """Study both units between checks against the registered face, and pass the test."""
        begin = NOW - timedelta(hours=3)
        for number, unit in enumerate(("unit_electric", "unit_fire")):
            start = begin + timedelta(minutes=60 * number)
            session = f"ses_{unit}"
            self.furnished.watch(self.learner, session, unit, start, 3000)
            for minute in range(0, 51, 5):
                at = epoch_ms(start + timedelta(minutes=minute))
                check = {
                    "check": f"chk_{session}_{at}",
                    "kind": "random",
                    "session": session,
                    "due_ms": at,
                    "at_ms": at,
                    "outcome": "passed",
                    "reason": "",
                    "reference": self.reference[0],
                }
                self.furnished.record(self.learner, [("check", check)])
        self.furnished.work_off()
        self.furnished.pass_test(self.learner)

    def seconds(self) -> tuple[int, int]:
        """Credited and provisional seconds of the ledger."""
        with self.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
            said = self.furnished.house.at(tx).ledger.statement(self.learner, RUN)
        return said.credited_seconds, said.provisional_seconds


def _session(client: FlaskClient) -> dict[str, object]:
    with client.session_transaction() as session:
        return dict(session)


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(furnish(tmp_path, with_fonts=True))


def test_no_proof_while_unanchored_and_all_of_it_once_staff_saw_person_and_card(counter: Counter) -> None:
    counter.study()
    provisional = counter.seconds()[1]
    assert counter.seconds() == (0, provisional)
    assert provisional > 0
    learner = counter.furnished.as_learner(counter.account, counter.learner)
    assert counter.furnished.papers(counter.learner) == ()
    assert "/certificates/" not in learner.get("/learner").text
    assert 'data-standing="open"' in counter.staff.get(counter.url).text

    check, nonce = counter.begin()
    status, reply = counter.show(check, nonce, picture("0"))
    assert (status, reply["pending"]) == (200, True)
    assert counter.staff.get(f"{counter.url}/{check}").get_json()["matched"] == 1
    assert counter.furnished.papers(counter.learner) == ()
    counter.show(check, reply["nonce"], picture("0"))
    assert counter.staff.get(f"{counter.url}/{check}").get_json()["state"] == "anchored"
    counter.furnished.work_off()

    assert counter.seconds() == (provisional, 0)
    assert len(counter.furnished.papers(counter.learner)) >= 1
    assert "/certificates/" in learner.get("/learner").text
    page = counter.staff.get(counter.url).text
    assert 'data-standing="anchored"' in page
    assert f"{PLACE}" in page
    assert "staff-lin" in page
    assert (CHEN in page, CHEN_ID in page) == (False, False)


def test_anchoring_a_second_reference_leaves_the_time_of_the_first_provisional(counter: Counter) -> None:
    counter.study()
    before = counter.seconds()
    counter.register()
    check, nonce = counter.begin()
    _, reply = counter.show(check, nonce, picture("0"))
    counter.show(check, reply["nonce"], picture("0"))
    counter.staff.get(f"{counter.url}/{check}")
    counter.furnished.work_off()
    assert counter.reference[1]
    assert counter.seconds() == before
    assert counter.furnished.papers(counter.learner) == ()


def test_the_learners_own_session_cannot_anchor(counter: Counter) -> None:
    learner = counter.furnished.as_learner(counter.account, counter.learner)
    place = counter.add_place()
    status, _ = counter.post(learner, "", place=place, card_number=CHEN_ID, seen="1")
    assert status in (302, 303, 403)
    check, nonce = counter.begin()
    assert counter.show(check, nonce, picture("0"), learner)[0] in (302, 303, 403)
    assert learner.get(f"{counter.url}/{check}").status_code in (302, 303, 403)
    assert counter.staff.get(f"{counter.url}/{check}").get_json()["matched"] == 0
    assert not counter.reference[1]


def test_staff_of_another_institution_find_nothing(counter: Counter) -> None:
    check, nonce = counter.begin()
    other = counter.furnished.as_staff("staff-ping")
    assert other.get(counter.url).status_code == 404
    assert other.get(f"{counter.url}/{check}").status_code == 404
    assert counter.show(check, nonce, picture("0"), other)[0] == 404
    there = counter.url.replace(RUN, OTHER_RUN)
    assert other.get(f"{there}/{check}").status_code == 404
    assert not counter.reference[1]


def test_a_check_is_found_under_its_own_learner_alone(counter: Counter) -> None:
    _, huang = counter.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    check, nonce = counter.begin()
    own = counter.url
    counter.url = own.replace(counter.learner, LearnerRef(huang))
    assert counter.show(check, nonce, picture("0"))[0] == 404
    counter.url = own
    assert counter.staff.get(f"{own}/{check}").get_json()["matched"] == 0


def test_a_frame_that_was_sent_before_is_refused(counter: Counter) -> None:
    jpeg = picture("0")
    earlier, nonce = counter.begin()
    status, first = counter.show(earlier, nonce, jpeg)
    assert status == 200
    status, again = counter.show(earlier, first["nonce"], jpeg)
    assert (status, again["reason"]) == (409, "frame_repeated")
    later, fresh = counter.begin()
    status, again = counter.show(later, fresh, jpeg)
    assert (status, again["reason"]) == (409, "frame_repeated")
    status, again = counter.show(later, first["nonce"], picture("0"))
    assert (status, again["reason"]) == (403, "nonce_mismatch")
    assert counter.staff.get(f"{counter.url}/{later}").get_json()["matched"] == 0
    assert not counter.reference[1]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"card_number": HUANG_ID}, "不一致"),
        ({"seen": ""}, "勾选确认"),
        ({"place": "ccp_made_up"}, "核对地点"),
    ],
    ids=["another person's card", "card not seen", "no place of the list"],
)
def test_what_begins_no_check(counter: Counter, form: dict[str, str], says: str) -> None:
    sent = {"place": counter.add_place(), "card_number": CHEN_ID, "seen": "1", **form}
    status, page = counter.post(counter.staff, "", **sent)
    assert status == 422
    at = page.index('data-testid="card-error"')
    assert says in page[at : at + 300].replace("\u2060", "")


PASSPORT = "E12345678"


@pytest.mark.parametrize(
    ("days", "holds", "no_longer", "document"),
    [(0, PASSPORT, CHEN_ID, ("passport", True)), (1, CHEN_ID, PASSPORT, ("resident_card", False))],
    ids=["from today", "from tomorrow"],
)
def test_the_document_is_the_one_in_force_today(
    counter: Counter, days: int, holds: str, no_longer: str, document: tuple[str, bool]
) -> None:
    house = counter.furnished.house
    with house.uow.for_institution(ORG) as tx:
        changes = house.at(tx).changes
        change = changes.propose_version(
            ChangeKind.DOCUMENT,
            counter.learner,
            value=PASSPORT,
            from_date=legal_date(NOW) + timedelta(days=days),
            evidence_kind="new_card",
            evidence=JPEG,
            by="stf_lin",
        )
        changes.confirm(change.id, by="stf_zhou", typed=PASSPORT)

    counter.begin(holds)

    with house.uow.for_institution(ORG) as tx:
        found = house.at(tx).card_checks.newest(counter.learner, RUN)
    assert found is not None
    assert (found.document, found.two_people) == document
    sent = {"place": counter.add_place(), "card_number": no_longer, "seen": "1"}
    assert counter.post(counter.staff, "", **sent)[0] == 422


def test_no_face_is_taken_in_that_no_impact_assessment_allows(counter: Counter) -> None:
    check, nonce = counter.begin()
    assess(counter.furnished, FACE, result="refused")

    status, told = counter.show(check, nonce, picture("0"))
    assert (status, told["reason"]) == (403, "impact_assessment_refused")
    sent = {"place": counter.add_place(), "card_number": CHEN_ID, "seen": "1"}
    status, page = counter.post(counter.staff, "", **sent)
    assert (status, "不得开展" in page.replace("\u2060", "")) == (403, True)

    assess(counter.furnished, FACE, version="2026-10")
    assert counter.show(check, nonce, picture("0"))[0] == 200
    assert counter.staff.get(f"{counter.url}/{check}").get_json()["matched"] == 1


def test_no_face_is_taken_in_that_its_owner_no_longer_agrees_to(counter: Counter) -> None:
    check, nonce = counter.begin()
    with counter.furnished.house.uow.for_institution(ORG) as tx:
        counter.furnished.house.at(tx).identity.revoke_consent(counter.account, FACE)
    status, told = counter.show(check, nonce, picture("0"))
    assert (status, told["reason"]) == (403, "consent_required")


@pytest.mark.parametrize(("title", "refused"), [("找李老师 13812345678", 422), ("一", 400)])
def test_no_contact_data_gets_into_the_list_of_places(counter: Counter, title: str, refused: int) -> None:
    assert counter.post(counter.staff, "/places", title=title)[0] == refused
    assert 'data-testid="place"' not in counter.staff.get(counter.url).text
