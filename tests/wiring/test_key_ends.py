"""Templates end with their class run, captures with the archive; what destroys them is on the receipt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bridge.db.data_keys import DataKeyRow
from bridge.db.destroyed_list import receipt_of
from bridge.db.destruction import receipts_after
from bridge.identity.consent import FACE
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import EvidenceId, LearnerRef
from bridge.presence.model import FaceReference
from bridge.registry.tables import ClassRunRow
from bridge.wiring.key_ends import sweep_key_ends, sweep_keys
from tests.web.furnished import CHEN, CHEN_ID, NOW, ORG, RUN, Furnished, furnish

CLOSED = NOW.date() + timedelta(days=6)


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    made = furnish(tmp_path)
    with made.house.uow.for_institution(ORG) as tx:
        tx.session.execute(update(ClassRunRow).where(ClassRunRow.id == RUN).values(closes_on=CLOSED))
    return made


def faces(furnished: Furnished) -> tuple[LearnerRef, EvidenceId, EvidenceId]:
    """Return a learner with a template, which the reference names, and a capture."""
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    house = furnished.house
    with house.uow.for_institution(ORG) as tx:
        vault = house.at(tx).vault
        template, frame = (
            vault.put(EvidenceScope(ORG, learner, purpose, RUN), bytes(8), "x/y")
            for purpose in (EvidencePurpose.FACE_TEMPLATE, EvidencePurpose.FACE_FRAME)
        )
        model = house.recogniser
        house.at(tx).presence_store.save_reference(
            FaceReference(learner, RUN, model.id, model.sha256, (template,), template, 1, True)
        )
    return learner, template, frame


def at_noon(furnished: Furnished, days: int) -> None:
    """Move the clock to noon in Guangzhou, so many days after the class run's last one."""
    furnished.clock.at = datetime(CLOSED.year, CLOSED.month, CLOSED.day, 4, tzinfo=UTC) + timedelta(days=days)


def readable(furnished: Furnished, evidence: EvidenceId) -> bool:
    with furnished.house.uow.for_institution(ORG) as tx:
        try:
            return bool(furnished.house.at(tx).vault.get(ORG, evidence))
        except InvalidInput:
            return False


def orders(furnished: Furnished) -> list[tuple[str, str, str]]:
    with furnished.house.uow.across_institutions("test: receipts", read_only=True) as tx:
        bodies = [receipt_of(row).body for row in receipts_after(tx.session, 0)]
    return [(body["purpose"], body["reason"], body["ordered_by"]) for body in bodies]


def test_templates_end_with_their_class_run_and_captures_stay(furnished: Furnished) -> None:
    learner, template, frame = faces(furnished)
    at_noon(furnished, 30)
    assert sweep_key_ends(furnished.house) == 0
    assert readable(furnished, template)
    at_noon(furnished, 31)
    sweep_keys(furnished.house)
    assert (readable(furnished, template), readable(furnished, frame)) == (False, True)
    assert orders(furnished) == [("face_template", "class_run_ended", "schedule")]
    with furnished.house.uow.for_institution(ORG) as tx:
        assert furnished.house.at(tx).presence_store.reference(learner, RUN) is None
    assert sweep_key_ends(furnished.house) == 0


def test_captures_end_with_the_archive(furnished: Furnished) -> None:
    _, _, frame = faces(furnished)
    at_noon(furnished, 365 * 6 + 1)
    sweep_key_ends(furnished.house)
    assert readable(furnished, frame)
    at_noon(furnished, 365 * 6 + 3)
    sweep_key_ends(furnished.house)
    assert not readable(furnished, frame)
    assert orders(furnished)[-1] == ("face_frame", "archive_expired", "schedule")


def test_nothing_else_of_the_class_run_ends_by_the_schedule(furnished: Furnished) -> None:
    faces(furnished)
    at_noon(furnished, 365 * 20)
    sweep_key_ends(furnished.house)
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        kept = select(DataKeyRow.purpose).where(DataKeyRow.destroyed_at.is_(None))
        assert set(tx.session.scalars(kept)) == {"id_photo"}


def test_a_withdrawal_is_on_the_receipt_with_who_gave_it(furnished: Furnished) -> None:
    _, template, _ = faces(furnished)
    account = furnished.account("lms-user-1001")
    with furnished.house.uow.for_institution(ORG) as tx:
        assert furnished.house.at(tx).identity.revoke_consent(account, FACE) == 1
    assert not readable(furnished, template)
    assert orders(furnished) == [("face_template", "consent_withdrawn", account)]
    listed = list(furnished.house.destroyed.lines())
    assert [one is not None and one.genuine for one in listed] == [True]
