"""People with a stored face, over all institutions: the destroyed do not count, and the numbers are a pack's."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.db.data_keys import DataKeyRow
from bridge.db.vault import EvidenceRow
from bridge.kernel.citation import Basis
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import InstitutionId, new_id
from bridge.kernel.time import legal_date
from bridge.privacy.stored_faces import PACK, FaceFilings, StoredFaces, last_day, stored_faces
from bridge.rules.loader import load_rule_book
from bridge.rules.model import ProfileInForce
from tests.db.rooms import NOW, ORG, OTHER_ORG, Office
from tests.rules.made_packs import in_force, pack, parameter

TODAY = legal_date(NOW)
FACE, FRAME = EvidencePurpose.FACE_TEMPLATE, EvidencePurpose.FACE_FRAME
LOWERED: ProfileInForce = in_force(
    pack(
        "lowered",
        parameter(2, name="privacy.stored_faces_warning", basis=Basis.PRACTICE, effective_until=None),
        parameter(3, name="privacy.stored_faces_filing", basis=Basis.PRACTICE, effective_until=None),
        parameter(
            30, name="privacy.stored_faces_filing_working_days", basis=Basis.PRACTICE, effective_until=None
        ),
    )
)
"""The pack's numbers, small enough to be reached with a few rows."""


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    built = Office(database_url)
    yield built
    built.close()


def keep(
    office: Office,
    subject: str,
    *,
    purpose: EvidencePurpose = FACE,
    institution: InstitutionId = ORG,
    run: str = "run_1",
    destroyed: bool = False,
    pieces: int = 1,
) -> None:
    with office.uow.for_institution(institution) as tx:
        key = DataKeyRow(
            id=new_id("key"),
            institution_id=institution,
            subject=subject,
            purpose=purpose.value,
            class_run_id=run,
            wrapped=b"",
            created_at=NOW,
            destroyed_at=NOW if destroyed else None,
        )
        tx.session.add(key)
        tx.session.flush()
        for _ in range(pieces):
            made = new_id("evd")
            tx.session.add(
                EvidenceRow(
                    id=made,
                    institution_id=institution,
                    key_id=key.id,
                    nonce=b"n" * 12,
                    sha256="0" * 64,
                    size=1,
                    media_type="application/octet-stream",
                    blob=made,
                    created_at=NOW,
                )
            )


def counted(office: Office) -> StoredFaces:
    with office.uow.across_institutions("test: count", read_only=True) as tx:
        return stored_faces(tx, LOWERED, TODAY)


def test_nobody_is_below_every_number(office: Office) -> None:
    assert (counted(office).people, counted(office).state) == (0, "below")


def test_a_person_counts_once_whatever_is_kept_of_them(office: Office) -> None:
    keep(office, "lrn_1", pieces=3)
    keep(office, "lrn_1", run="run_2")
    assert counted(office).people == 1


def test_what_was_destroyed_or_never_kept_does_not_count(office: Office) -> None:
    keep(office, "lrn_1", destroyed=True)
    keep(office, "lrn_2", pieces=0)
    keep(office, "lrn_3", purpose=FRAME)
    found = counted(office)
    assert (found.people, found.photographed) == (0, 1)


def test_the_numbers_are_reached_at_the_number_itself_over_all_institutions(office: Office) -> None:
    states = []
    for subject, institution in (("lrn_1", ORG), ("lrn_2", OTHER_ORG), ("lrn_3", ORG)):
        keep(office, subject, institution=institution)
        states.append(counted(office).state)
    assert states == ["below", "warning", "filing"]


def test_the_task_to_file_is_opened_once_and_done_once(office: Office) -> None:
    for number in range(3):
        keep(office, f"lrn_{number}")
    found = counted(office)
    for _ in range(2):
        with office.uow.across_institutions("test: open") as tx:
            task = FaceFilings(tx).open_if_due(found, NOW)
            assert task is not None
            assert (task.people, task.due_on) == (3, date(2027, 1, 4))
    with office.uow.across_institutions("test: file") as tx:
        FaceFilings(tx).file("粤网信备示例1号", "staff_op", NOW)
        assert FaceFilings(tx).open_if_due(found, NOW) is None
    with office.uow.across_institutions("test: file twice") as tx, pytest.raises(InvalidInput) as refused:
        FaceFilings(tx).file("粤网信备示例1号", "staff_op", NOW)
    assert refused.value.reason == "face_filing_none"


def test_no_task_is_opened_below_the_number(office: Office) -> None:
    keep(office, "lrn_1")
    keep(office, "lrn_2")
    with office.uow.across_institutions("test: open") as tx:
        assert FaceFilings(tx).open_if_due(counted(office), NOW) is None


def test_the_pack_that_ships_says_eighty_and_a_hundred_thousand_and_claims_no_article(office: Office) -> None:
    rules = load_rule_book().pack_alone(PACK)
    with office.uow.across_institutions("test: shipped", read_only=True) as tx:
        found = stored_faces(tx, rules, TODAY)
    assert (found.warning.integer(), found.filing.integer(), found.working_days.integer()) == (
        80_000,
        100_000,
        30,
    )
    for rule in (found.warning, found.filing, found.working_days):
        assert (rule.parameter.citation.basis, rule.parameter.citation.article) == (Basis.PRACTICE, None)
    assert not found.filing.parameter.confirmed


@given(st.dates(date(2025, 6, 1), date(2030, 1, 1)), st.integers(1, 60))
def test_a_due_day_is_a_working_day_with_so_many_before_it(reached: date, days: int) -> None:
    due = last_day(reached, days)
    between = [reached + timedelta(n) for n in range(1, (due - reached).days + 1)]
    assert due.weekday() < 5
    assert sum(day.weekday() < 5 for day in between) == days
