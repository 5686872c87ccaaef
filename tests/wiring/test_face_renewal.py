"""Which pictures of a staff's check of the card vouch for a renewal, and when they do no more."""

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.identity.change_model import ChangeKind
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.time import legal_date
from bridge.presence.model import FaceReference
from bridge.presence.renewal import Vouched
from bridge.wiring.face_renewal import vouched_by_staff
from tests.presence.pictures import picture
from tests.web.furnished import JPEG, ORG, RUN, STRANGER_ID, furnish
from tests.web.test_card_check_page import Counter


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """A learner whom staff have seen with the card."""
    made = Counter(furnish(tmp_path))
    check, nonce = made.begin()
    for _ in range(2):
        _status, told = made.show(check, nonce, picture("0"))
        nonce = told.get("nonce", "")
    made.staff.get(f"{made.url}/{check}")  # looked at, it ends
    made.furnished.work_off()
    assert made.reference[1]
    return made


def reference(counter: Counter) -> FaceReference:
    with counter.furnished.house.uow.for_institution(ORG) as tx:
        found = counter.furnished.house.at(tx).presence_store.reference(counter.learner, RUN)
    assert found is not None
    return found


def vouched(counter: Counter, of: FaceReference | None = None) -> Vouched | None:
    house = counter.furnished.house
    with house.uow.for_institution(ORG) as tx:
        return vouched_by_staff(house.at(tx), ORG, of or reference(counter))


def test_the_pictures_of_the_check_that_anchored_vouch(counter: Counter) -> None:
    found = vouched(counter)
    assert found is not None
    assert (found.card_check, len(found.jpegs)) == (reference(counter).card_check, 2)
    assert all(jpeg.startswith(b"\xff\xd8\xff\xfe") for jpeg in found.jpegs)


def test_a_reference_from_before_they_were_named_is_found_by_its_id(counter: Counter) -> None:
    assert vouched(counter, replace(reference(counter), card_check="")) == vouched(counter)
    assert vouched(counter, replace(reference(counter), card_check="", id="fref_another")) is None


def test_a_document_that_changed_since_needs_another_look(counter: Counter) -> None:
    house = counter.furnished.house
    counter.furnished.clock.advance(days=1)
    with house.uow.for_institution(ORG) as tx:
        changes = house.at(tx).changes
        change = changes.propose_version(
            ChangeKind.DOCUMENT,
            counter.learner,
            value=STRANGER_ID,
            from_date=legal_date(house.clock.now()),
            evidence_kind="new_card",
            evidence=JPEG,
            by="stf_lin",
        )
    assert vouched(counter) is not None  # one person alone changes nothing
    with house.uow.for_institution(ORG) as tx:
        house.at(tx).changes.confirm(change.id, by="stf_zhou", typed=STRANGER_ID)
    assert vouched(counter) is None


def test_pictures_whose_key_is_destroyed_vouch_for_nobody(counter: Counter) -> None:
    house = counter.furnished.house
    scope = EvidenceScope(ORG, counter.learner, EvidencePurpose.FACE_FRAME, RUN)
    with house.uow.for_institution(ORG) as tx:
        house.at(tx).vault.destroy(scope, reason="consent_withdrawn", by="test")
    assert vouched(counter) is None
