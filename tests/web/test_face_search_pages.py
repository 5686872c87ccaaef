"""One face under two names, through the whole house: offered, agreed to, searched, shown to staff, withdrawn."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from bridge.db.data_keys import DataKeyRow
from bridge.identity.consent import FACE, FACE_CONSENT, FACE_SEARCH, FACE_SEARCH_CONSENT
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.model import FaceReference
from bridge.presence.search.store import SqlSearchStore
from bridge.registry.assessments import AssessmentForm
from tests.presence.pictures import template
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, ORG, RUN, Furnished, token

TODAY = legal_date(NOW)


def assess(furnished: Furnished, *purposes: str, version: str = "2026-9", result: str = "acceptable") -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        for purpose in purposes:
            form = AssessmentForm(
                purpose=purpose,
                class_run="",
                version=version,
                assessed_on=TODAY,
                until=TODAY + timedelta(days=30),
                assessed_by="教务部(虚构)",
                result=result,
                necessity="防止冒名登记,虚构的记录。",
                risks="泄露和误判,虚构的记录。",
                measures="加密保存,虚构的记录。",
            )
            stations.assessments.add(form, "staff_lin")


def agree(furnished: Furnished, account: str, learner: LearnerRef) -> int:
    """Agree to the search on the page; return the status."""
    client = furnished.as_learner(account, learner)
    form = {"csrf_token": token(client, "/learner"), "version": FACE_SEARCH_CONSENT.version}
    return client.post("/learner/face-search/consent", data=form).status_code


def register(furnished: Furnished, learner: LearnerRef, degrees: float) -> None:
    """Keep a face reference as a registration does, and let the worker do what follows."""
    made = template(degrees)
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        evidence = stations.vault.put(scope, made.vector, "application/octet-stream")
        stations.presence_store.save_reference(
            FaceReference(
                learner=learner,
                class_run=RUN,
                model_id=made.model_id,
                model_sha256=made.model_sha256,
                templates=(evidence,),
                chosen=evidence,
                anchored_ms=None,
                has_roster_photo=False,
            )
        )
    furnished.work_off()


def searched(furnished: Furnished) -> list[LearnerRef]:
    """Return whose faces are in the index of this process."""
    return sorted(
        LearnerRef(name.partition("|")[0])
        for held in furnished.house.face_indexes._held.values()
        for name in held.index.names()
    )


Two = tuple[tuple[str, LearnerRef], tuple[str, LearnerRef]]


@pytest.fixture
def two(furnished: Furnished) -> Two:
    """Two people who agreed to the search where it is assessed."""
    assess(furnished, FACE, FACE_SEARCH)
    people = (
        furnished.enrol("lms-user-1001", CHEN, CHEN_ID),
        furnished.enrol("lms-user-1002", HUANG, HUANG_ID),
    )
    for account, learner in people:
        assert agree(furnished, account, learner) == 303
    return people


def test_staff_see_both_people_of_one_face_masked_and_nobody_is_refused(
    furnished: Furnished, two: Two
) -> None:
    (_, chen), (_, huang) = two
    register(furnished, chen, 0)
    register(furnished, huang, 25)

    page = furnished.as_staff("staff-lin").get("/institution/signals").text

    assert page.count('data-kind="face_under_two_names"') == 2
    assert page.count('data-testid="signal-other"') == 2
    assert chen not in page
    assert huang not in page
    assert CHEN not in page
    assert HUANG not in page
    assert page.count(CHEN[0]) >= 2
    assert page.count(HUANG[0]) >= 2
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        store = furnished.house.at(tx).presence_store
        assert all(store.reference(each, RUN) is not None for each in (chen, huang))


def test_people_who_look_otherwise_raise_nothing(furnished: Furnished, two: Two) -> None:
    (_, chen), (_, huang) = two
    register(furnished, chen, 0)
    register(furnished, huang, 80)

    assert "face_under_two_names" not in furnished.as_staff("staff-lin").get("/institution/signals").text
    assert searched(furnished) == sorted((chen, huang))


def test_without_the_second_consent_a_face_is_registered_and_not_searched(furnished: Furnished) -> None:
    assess(furnished, FACE, FACE_SEARCH)
    _, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)

    register(furnished, chen, 0)

    assert searched(furnished) == []


def test_a_consent_that_comes_after_the_registration_has_it_searched(furnished: Furnished) -> None:
    assess(furnished, FACE, FACE_SEARCH)
    account, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    register(furnished, chen, 0)

    agree(furnished, account, chen)
    furnished.work_off()

    assert searched(furnished) == [chen] or entries(furnished) == [chen]


def entries(furnished: Furnished) -> list[LearnerRef]:
    """Return whose references count for the search, as the database says."""
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return [one.learner for one in SqlSearchStore(tx).changes(0, 100) if one.template is not None]


@pytest.mark.parametrize("purpose", [FACE, FACE_SEARCH])
def test_whoever_takes_a_consent_back_leaves_index_and_list_at_once(
    furnished: Furnished, two: Two, purpose: str
) -> None:
    (account, chen), (_, huang) = two
    register(furnished, chen, 0)
    register(furnished, huang, 80)

    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).identity.revoke_consent(account, purpose)
    if purpose == FACE:
        # The key is destroyed in the same unit of work: nothing waits for a job.
        assert searched(furnished) == [huang]
    furnished.work_off()

    assert searched(furnished) == [huang]
    assert entries(furnished) == [huang]


def test_whose_account_is_released_leaves_the_search(furnished: Furnished, two: Two) -> None:
    (account, chen), (_, huang) = two
    register(furnished, chen, 0)
    register(furnished, huang, 80)

    with furnished.house.uow.for_institution(ORG) as tx:
        assert furnished.house.at(tx).identity.release_account(
            account, reason="wrong_account", by="staff_lin"
        )
    furnished.work_off()

    assert (searched(furnished), entries(furnished)) == ([huang], [huang])


def test_a_destroyed_key_takes_its_person_out_in_the_same_unit_of_work(
    furnished: Furnished, two: Two
) -> None:
    (_, chen), _ = two
    register(furnished, chen, 0)

    with furnished.house.uow.for_institution(ORG) as tx:
        vault = furnished.house.at(tx).vault
        vault.destroy(
            EvidenceScope(ORG, chen, EvidencePurpose.FACE_FRAME, RUN), reason="requested", by="stf_lin"
        )
        assert entries(furnished) == [chen]
        vault.destroy(
            EvidenceScope(ORG, chen, EvidencePurpose.FACE_TEMPLATE, RUN), reason="requested", by="stf_lin"
        )
        left = tx.session.scalar(select(DataKeyRow.wrapped).where(DataKeyRow.subject == chen))

    assert left == b""
    assert (entries(furnished), searched(furnished)) == ([], [])


@pytest.mark.parametrize("ended", [FACE, FACE_SEARCH])
def test_an_assessment_that_says_no_ends_offer_and_search(furnished: Furnished, two: Two, ended: str) -> None:
    (_, chen), (_account, huang) = two
    register(furnished, chen, 0)
    furnished.house.face_indexes.sweep()
    furnished.house.face_indexes.wait()

    assess(furnished, ended, version="2027-1", result="refused")
    register(furnished, huang, 0)
    furnished.house.face_indexes.sweep(look_at_grounds=True)

    assert searched(furnished) == []
    assert "face_under_two_names" not in furnished.as_staff("staff-lin").get("/institution/signals").text


def test_the_consent_is_offered_where_it_can_be_given_and_never_with_the_other_one(
    furnished: Furnished,
) -> None:
    offer = 'data-testid="face-search-offer"'
    account = furnished.account("lms-user-1001")
    client = furnished.as_learner(account)
    assess(furnished, FACE_SEARCH, version="2027-1", result="refused")
    form = {"csrf_token": token(client, "/learner"), "version": FACE_CONSENT.version}
    client.post("/learner/consent", data=form)
    assert offer not in client.get("/learner").text
    refused = client.post(
        "/learner/face-search/consent",
        data={"csrf_token": form["csrf_token"], "version": FACE_SEARCH_CONSENT.version},
    )
    assert refused.status_code == 403

    assess(furnished, FACE_SEARCH, version="2027-2")
    assert offer in client.get("/learner").text
    with furnished.house.uow.for_institution(ORG) as tx:
        assert not furnished.house.at(tx).identity.has_consent(account, FACE_SEARCH)
    client.post(
        "/learner/face-search/consent",
        data={"csrf_token": token(client, "/learner"), "version": FACE_SEARCH_CONSENT.version},
    )

    assert offer not in client.get("/learner").text
