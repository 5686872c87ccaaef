from typing import Any

import pytest
from sqlalchemy import select

from bridge.identity.consent import FACE, FACE_CONSENT, FACE_SEARCH, FACE_SEARCH_CONSENT
from bridge.identity.tables import ConsentRow, DisclosureRow
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from tests.identity.house import CHEN, CHEN_ID, JPEG, ORG, RUN, House, demo_catalogue, no_photographs


def test_the_roster_photo_is_closed_until_consent_is_given(house: House) -> None:
    with house.desk() as desk:
        learner = desk.verified()
        with pytest.raises(NotPermitted, match="consent_required"):
            desk.identity.roster_photo(learner, RUN)
        desk.identity.give_consent(desk.account(), FACE, FACE_CONSENT.version)
        assert desk.identity.roster_photo(learner, RUN) == JPEG


def test_consent_given_twice_is_one(house: House) -> None:
    with house.desk() as desk:
        account = desk.account()
        first = desk.identity.give_consent(account, FACE, FACE_CONSENT.version)
        assert desk.identity.give_consent(account, FACE, FACE_CONSENT.version) == first
        assert len(desk.tx.session.scalars(select(ConsentRow)).all()) == 1


@pytest.mark.parametrize(
    ("purpose", "version", "reason"),
    [(FACE, "face-2020-1", "consent_version_outdated"), ("sale", "1", "consent_purpose_unknown")],
)
def test_consent_to_another_text_is_refused(house: House, purpose: str, version: str, reason: str) -> None:
    with house.desk() as desk:
        account = desk.account()
        with pytest.raises(InvalidInput, match=reason):
            desk.identity.give_consent(account, purpose, version)
        assert not desk.identity.has_consent(account)


def test_consent_to_an_older_text_is_not_in_force(house: House) -> None:
    with house.desk() as desk:
        account = desk.account()
        desk.identity_store.add_consent(account, FACE, "face-2020-1", house.clock.now())
        assert not desk.identity.has_consent(account)


def test_withdrawn_consent_closes_the_photo_and_destroys_templates(house: House) -> None:
    with house.desk() as desk:
        learner, account = desk.verified(), desk.account()
        desk.identity.give_consent(account, FACE, FACE_CONSENT.version)
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        template = desk.vault.put(scope, b"template", "application/octet-stream")
    with house.desk() as desk:
        assert desk.identity.revoke_consent(account) == 1
    with house.desk() as desk:
        assert not desk.identity.may_process_face(learner)
        with pytest.raises(NotPermitted, match="consent_required"):
            desk.identity.roster_photo(learner, RUN)
        with pytest.raises(InvalidInput, match="evidence_unknown"):
            desk.vault.get(ORG, template)
        desk.identity.give_consent(account, FACE, FACE_CONSENT.version)
        assert desk.identity.may_process_face(learner)


def test_a_search_among_faces_needs_a_consent_of_its_own_and_that_to_faces(house: House) -> None:
    with house.desk() as desk:
        learner, account = desk.verified(), desk.account()
        held = []
        for purpose, version in ((FACE_SEARCH, FACE_SEARCH_CONSENT.version), (FACE, FACE_CONSENT.version)):
            desk.identity.give_consent(account, purpose, version)
            held.append([desk.identity.consent_in_force(learner, one) for one in (FACE, FACE_SEARCH)])
    assert held == [[False, False], [True, True]]


def test_the_consent_text_says_what_the_law_asks_for() -> None:
    headings = [heading for heading, _ in FACE_CONSENT.paragraphs]
    assert headings == ["处理什么", "为什么需要", "如何处理", "保存多久", "不同意怎么办", "如何撤回"]


def test_a_disclosure_names_the_person_and_is_logged(house: House) -> None:
    with house.desk() as desk:
        learner = desk.verified()
        person = desk.identity.disclose(
            learner, purpose="certificate.render", recipient="learner", by="completion"
        )
        assert (person.name, person.citizen_id, person.employer) == (CHEN, CHEN_ID, "广州示例机电有限公司")
    with house.desk() as desk:
        (row,) = desk.tx.session.scalars(select(DisclosureRow)).all()
        assert (row.learner, row.purpose, row.by) == (learner, "certificate.render", "completion")
        assert row.at == house.clock.now()


@pytest.mark.parametrize("blank", ["purpose", "recipient", "by"])
def test_a_disclosure_without_a_purpose_is_refused_and_shows_nothing(house: House, blank: str) -> None:
    said: dict[str, Any] = {"purpose": "p", "recipient": "r", "by": "b", blank: " "}
    with house.desk() as desk:
        learner = desk.verified()
        with pytest.raises(InvalidInput, match="disclosure_purpose_missing"):
            desk.identity.disclose(learner, **said)
    with house.desk() as desk:
        assert desk.tx.session.scalars(select(DisclosureRow)).all() == []


def test_a_list_loaded_twice_changes_nothing(house: House) -> None:
    with house.desk() as desk:
        entries = demo_catalogue().enrolment_list
        assert desk.identity.load_enrolment_list(entries, no_photographs) == 0


def test_a_later_list_corrects_whom_nobody_verified_yet_and_nobody_else(house: House) -> None:
    first, second = demo_catalogue().enrolment_list
    with house.desk() as desk:
        desk.verified()
        changed = [type(e)(RUN, e.name, e.citizen_id, "新单位", None, e.read_from) for e in (first, second)]
        assert desk.identity.load_enrolment_list(changed[1:], no_photographs) == 0
        row = desk.identity_store.list_row(RUN, second.citizen_id)
        assert row is not None
        assert row.employer == "新单位"
        with pytest.raises(InvalidInput, match="enrolment_list_conflict") as refused:
            desk.identity.load_enrolment_list(changed[:1], no_photographs)
        assert "learners.0" in refused.value.message


@pytest.mark.parametrize(
    ("name", "citizen_id", "photo", "reason"),
    [
        (CHEN, "440199199003071218", None, "enrolment_entry_invalid"),
        ("1", CHEN_ID, None, "enrolment_entry_invalid"),
        ("王示例", "81000019880808121", "nobody", "enrolment_entry_invalid"),
        ("王示例", "810000198808081219", "nobody", "photo_unknown"),
        ("王示例", "810000198808081219", "text", "photo_malformed"),
    ],
)
def test_a_bad_list_names_its_place_and_nobody(
    house: House, name: str, citizen_id: str, photo: str | None, reason: str
) -> None:
    kind = type(demo_catalogue().enrolment_list[0])
    with house.desk() as desk, pytest.raises(InvalidInput) as refused:
        desk.identity.load_enrolment_list(
            [kind(RUN, name, citizen_id, "单位", photo, "list.yaml learners.0")],
            {"text": b"GIF89a"}.__getitem__,
        )
    assert refused.value.reason == reason
    assert refused.value.message.startswith("list.yaml learners.0")
    assert citizen_id not in str(refused.value)


def test_one_person_twice_in_a_list_is_refused(house: House) -> None:
    entry = demo_catalogue().enrolment_list[0]
    with house.desk() as desk, pytest.raises(InvalidInput, match="enrolment_person_twice"):
        desk.identity.load_enrolment_list([entry, entry], no_photographs)
