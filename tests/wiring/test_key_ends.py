"""Each purpose of key has a day on which it ends, by a value of the packs; what destroys it is on the receipt."""

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from bridge.db.data_keys import DataKeyRow
from bridge.db.destroyed_list import receipt_of
from bridge.db.destruction import receipts_after
from bridge.identity.change_model import ChangeKind
from bridge.identity.consent import FACE
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import CheckId, ClassRunId, EvidenceId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.challenge_store import FaceFrameMarkRow, SqlChallengeStore
from bridge.presence.model import FaceReference
from bridge.presence.review.model import Origin
from bridge.presence.search.model import Likeness
from bridge.presence.search.store import FaceLikenessRow
from bridge.registry.tables import ClassRunRow
from bridge.wiring.destroyed_again import reapply
from bridge.wiring.key_ends import sweep_key_ends, sweep_keys
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, JPEG, NOW, ORG, RUN, Furnished, furnish
from tests.web.reviewed import fail, frame

CLOSED = NOW.date() + timedelta(days=6)
LIN, ZHOU = "stf_lin", "stf_zhou"


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    made = furnish(tmp_path)
    with made.house.uow.for_institution(ORG) as tx:
        tx.session.execute(update(ClassRunRow).where(ClassRunRow.id == RUN).values(closes_on=CLOSED))
    return made


def put(
    furnished: Furnished, subject: str, purpose: EvidencePurpose, run: ClassRunId | None = RUN
) -> EvidenceId:
    with furnished.house.uow.for_institution(ORG) as tx:
        return furnished.house.at(tx).vault.put(EvidenceScope(ORG, subject, purpose, run), bytes(8), "x/y")


def faces(furnished: Furnished) -> tuple[LearnerRef, EvidenceId, EvidenceId]:
    """Return a learner with a template, which the reference names, and a capture."""
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    house = furnished.house
    template, frame = (
        put(furnished, learner, purpose)
        for purpose in (EvidencePurpose.FACE_TEMPLATE, EvidencePurpose.FACE_FRAME)
    )
    with house.uow.for_institution(ORG) as tx:
        model = house.recogniser
        house.at(tx).presence_store.save_reference(
            FaceReference(learner, RUN, model.id, model.sha256, (template,), template, 1, True)
        )
    return learner, template, frame


def photograph(furnished: Furnished, learner: LearnerRef) -> EvidenceId | None:
    """Return the photograph of the learner's row on the list."""
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = tx.session.scalar(select(EnrolmentListRow.photo).where(EnrolmentListRow.learner == learner))
    return None if found is None else EvidenceId(found)


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
    own = [body for body in bodies if body["institution"] == ORG]
    return [(body["purpose"], body["reason"], body["ordered_by"]) for body in own]


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


def test_photographs_of_the_list_end_half_a_year_after_the_class_run(furnished: Furnished) -> None:
    account, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    kept = photograph(furnished, learner)
    assert kept is not None
    at_noon(furnished, 180)
    sweep_key_ends(furnished.house)
    assert readable(furnished, kept)

    at_noon(furnished, 181)
    # The other person of the list never came; their photograph ends too.
    assert sweep_key_ends(furnished.house) == 2

    assert not readable(furnished, kept)
    assert set(orders(furnished)) == {("id_photo", "class_run_ended", "schedule")}
    with furnished.house.uow.for_institution(ORG) as tx:
        identity = furnished.house.at(tx).identity
        assert identity.owner_of_account(account) == learner
        # Whoever asks for it hears that there is none, not that something is broken.
        assert identity.roster_photo(learner, RUN) is None
    assert sweep_key_ends(furnished.house) == 0


def changed(furnished: Furnished, learner: LearnerRef) -> tuple[str, EvidenceId]:
    """Propose another name; return the change and its evidence."""
    with furnished.house.uow.for_institution(ORG) as tx:
        made = furnished.house.at(tx).changes.propose_version(
            ChangeKind.NAME,
            learner,
            value="陈晓平",
            from_date=legal_date(furnished.clock.now()),
            evidence_kind="public_security",
            evidence=JPEG,
            by=LIN,
        )
    assert made.evidence is not None
    return made.id, made.evidence


def test_evidence_for_a_change_ends_a_year_after_it_was_decided(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    change, proof = changed(furnished, learner)
    furnished.clock.advance(days=800)
    assert "identity_evidence" not in {one.purpose for one in live(furnished) if one.destroyed_at}
    sweep_key_ends(furnished.house)
    # Nobody decided it yet: it is looked at still.
    assert readable(furnished, proof)

    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).changes.refuse(change, by=ZHOU)
    furnished.clock.advance(days=365)
    sweep_key_ends(furnished.house)
    assert readable(furnished, proof)
    furnished.clock.advance(days=1)
    sweep_key_ends(furnished.house)
    assert not readable(furnished, proof)
    assert orders(furnished)[-1] == ("identity_evidence", "retention_over", "schedule")

    # What comes later has a key of its own, and the record of the first change stays.
    _, later = changed(furnished, learner)
    sweep_key_ends(furnished.house)
    assert readable(furnished, later)
    with furnished.house.uow.for_institution(ORG) as tx:
        assert furnished.house.at(tx).changes.get(change).evidence_sha256


def live(furnished: Furnished) -> list[DataKeyRow]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(tx.session.scalars(select(DataKeyRow)))


def test_a_batch_that_was_reported_ends_after_its_years(furnished: Furnished) -> None:
    batch = put(furnished, "batch_1", EvidencePurpose.REGULATOR_BATCH, None)
    furnished.clock.at = NOW.replace(year=NOW.year + 6)
    sweep_key_ends(furnished.house)
    assert readable(furnished, batch)
    furnished.clock.advance(days=1)
    sweep_key_ends(furnished.house)
    assert not readable(furnished, batch)
    assert orders(furnished)[-1] == ("regulator_batch", "retention_over", "schedule")


def test_papers_and_files_wait_for_the_two_people_who_dispose_of_an_archive(furnished: Furnished) -> None:
    learner, _, _ = faces(furnished)
    for purpose in (EvidencePurpose.CERTIFICATE, EvidencePurpose.LEARNER_FILE):
        put(furnished, learner, purpose)
    at_noon(furnished, 365 * 20)
    sweep_key_ends(furnished.house)
    assert {one.purpose for one in live(furnished) if one.destroyed_at is None} == {
        "certificate",
        "learner_file",
    }


@pytest.mark.parametrize("whole", [True, False])
def test_a_legal_hold_keeps_what_is_over_until_it_is_released(furnished: Furnished, whole: bool) -> None:
    learner, template, capture = faces(furnished)
    kept = photograph(furnished, learner)
    assert kept is not None
    at_noon(furnished, 365 * 20)
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        holds = stations.legal_holds
        hold = holds.ask(RUN, None if whole else learner, "虚构的案件需要调取档案", LIN)

    sweep_key_ends(furnished.house)

    assert [readable(furnished, one) for one in (template, capture, kept)] == [True] * 3
    # Who is not held goes, unless the whole class run is.
    assert len(orders(furnished)) == (0 if whole else 1)

    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        holds = stations.legal_holds
        holds.confirm(hold.id, ZHOU)
        holds.ask_release(hold.id, "虚构的案件已经结束", LIN)
        holds.release(hold.id, "虚构的案件已经结束", ZHOU)
    sweep_key_ends(furnished.house)
    assert [readable(furnished, one) for one in (template, capture, kept)] == [False] * 3


def test_a_batch_that_names_a_held_class_run_is_held_too(tmp_path: Path) -> None:
    furnished = furnish(tmp_path, with_fonts=True)
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    furnished.pass_test(learner)
    batches = [one for one in live(furnished) if one.purpose == "regulator_batch"]
    assert batches
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        stations.legal_holds.ask(RUN, None, "虚构的案件需要调取", LIN)
    furnished.clock.advance(days=365 * 10)
    sweep_key_ends(furnished.house)
    assert [one for one in live(furnished) if one.purpose == "regulator_batch" and one.destroyed_at] == []


def test_a_case_under_review_keeps_the_pictures_that_people_look_at(furnished: Furnished) -> None:
    learner, template, capture = faces(furnished)
    kept = photograph(furnished, learner)
    assert kept is not None
    furnished.finish_course(learner)
    check: CheckId = fail(furnished, learner)
    furnished.work_off()
    with furnished.house.uow.for_institution(ORG) as tx:
        reviews = furnished.house.at(tx).review_store.of_learner(learner, RUN)
    assert [(one.check, one.origin) for one in reviews] == [(check, Origin.SYSTEM)]
    at_noon(furnished, 365 * 20)

    sweep_key_ends(furnished.house)

    # Its template is compared with nothing any more; the pictures are what a person decides by.
    assert [readable(furnished, one) for one in (template, capture, kept)] == [False, True, True]


def marks(furnished: Furnished) -> int:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return tx.session.scalar(select(func.count(FaceFrameMarkRow.frame_id))) or 0


def likenesses(furnished: Furnished) -> int:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return tx.session.scalar(select(func.count(FaceLikenessRow.id))) or 0


def alike(furnished: Furnished, learner: LearnerRef, other: LearnerRef) -> None:
    """Note that two learners' faces were found alike."""
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).face_search._store.add_likeness(  # what the search does when it finds one
            Likeness("lik_1", learner, RUN, other, RUN, 0.9, 0.5, "model", "default", furnished.clock.now())
        )


def test_marks_of_frames_end_with_the_templates(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    made = frame(furnished, learner, None)
    with furnished.house.uow.for_institution(ORG) as tx:
        SqlChallengeStore(tx).add_mark(made, learner, "0" * 64)
    at_noon(furnished, 30)
    sweep_keys(furnished.house)
    assert marks(furnished) == 1
    at_noon(furnished, 31)
    sweep_keys(furnished.house)
    assert marks(furnished) == 0


def test_a_note_of_likeness_ends_half_a_year_after_it_was_made(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _, other = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    alike(furnished, learner, other)
    furnished.clock.advance(days=180)
    sweep_keys(furnished.house)
    assert likenesses(furnished) == 1
    furnished.clock.advance(days=1)
    with furnished.house.uow.for_institution(ORG) as tx:
        holds = furnished.house.at(tx).legal_holds
        holds.ask(RUN, other, "虚构的案件需要核对", LIN)
    sweep_keys(furnished.house)
    assert likenesses(furnished) == 1
    with furnished.house.uow.for_institution(ORG) as tx:
        holds = furnished.house.at(tx).legal_holds
        (hold,) = holds.of(RUN)
        holds.ask_release(hold.id, "虚构的案件已经结束", LIN)
        holds.release(hold.id, "虚构的案件已经结束", ZHOU)
    furnished.clock.advance(days=1)
    sweep_keys(furnished.house)
    assert likenesses(furnished) == 0


def test_a_restored_backup_brings_no_names_of_destroyed_content_back(
    furnished: Furnished, tmp_path: Path
) -> None:
    learner, template, _ = faces(furnished)
    made = frame(furnished, learner, None)
    with furnished.house.uow.for_institution(ORG) as tx:
        SqlChallengeStore(tx).add_mark(made, learner, "0" * 64)
    database = furnished.house.settings.data_dir / "anxue.sqlite3"
    with sqlite3.connect(database) as source, sqlite3.connect(tmp_path / "night") as target:
        source.backup(target)
    at_noon(furnished, 181)
    sweep_keys(furnished.house)
    assert not readable(furnished, template)

    furnished.house.engine.dispose()
    for file in database.parent.glob("anxue.sqlite3*"):
        file.unlink()
    shutil.copy(tmp_path / "night", database)
    assert (marks(furnished), photograph(furnished, learner) is None) == (1, False)
    reapply(furnished.house)

    assert (marks(furnished), photograph(furnished, learner)) == (0, None)
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        assert furnished.house.at(tx).presence_store.reference(learner, RUN) is None


def test_a_withdrawal_is_on_the_receipt_with_who_gave_it(furnished: Furnished) -> None:
    _, template, _ = faces(furnished)
    account = furnished.account("lms-user-1001")
    with furnished.house.uow.for_institution(ORG) as tx:
        assert furnished.house.at(tx).identity.revoke_consent(account, FACE) == 1
    assert not readable(furnished, template)
    assert orders(furnished) == [("face_template", "consent_withdrawn", account)]
    listed = list(furnished.house.destroyed.lines())
    assert [one is not None and one.genuine for one in listed] == [True]
