"""Freezing and releasing over a real house: registrations that lack, and courses that were taken down."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseId, LearnerRef
from bridge.ledger.model import SecondsStatement
from bridge.registry.course_withdrawals import restore_course, withdraw_course
from bridge.registry.model import CityRegistration
from bridge.wiring.ledger_standing import Reviewed, review_standing, sweep_standing
from tests.web.furnished import CHEN, CHEN_ID, ORG, RUN, Furnished, furnish

COURSE = CourseId("course_demo")
TODAY = date(2026, 11, 24)


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


def statement(furnished: Furnished, learner: LearnerRef) -> SecondsStatement:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).ledger.statement(learner, RUN)


def lose_registrations(furnished: Furnished) -> list[CityRegistration]:
    with furnished.house.uow.for_institution(ORG) as tx:
        found = list(furnished.house.at(tx).registry_store.city_registrations())
        tx.session.execute(text("DELETE FROM city_registration WHERE institution_id = :i"), {"i": ORG})
    assert found
    return found


def test_with_everything_in_order_nothing_is_frozen(furnished: Furnished, learner: LearnerRef) -> None:
    assert review_standing(furnished.house, ORG) == Reviewed(0, 0)
    assert statement(furnished, learner).figures.frozen_seconds == 0


def test_study_without_a_registration_is_frozen_until_there_is_one(
    furnished: Furnished, learner: LearnerRef
) -> None:
    before = statement(furnished, learner)
    registrations = lose_registrations(furnished)

    assert review_standing(furnished.house, ORG) == Reviewed(1, 0)
    frozen = statement(furnished, learner)
    assert frozen.credited_seconds == 0
    assert frozen.figures.frozen_seconds == before.credited_seconds + before.provisional_seconds > 0
    assert review_standing(furnished.house, ORG) == Reviewed(0, 0)

    with furnished.house.uow.for_institution(ORG) as tx:
        for one in registrations:
            furnished.house.at(tx).registry_store.add_city_registration(one)
    assert review_standing(furnished.house, ORG) == Reviewed(0, 1)
    assert statement(furnished, learner) == before
    assert review_standing(furnished.house, ORG) == Reviewed(0, 0)


def test_a_day_that_lost_its_registration_again_is_frozen_again(
    furnished: Furnished, learner: LearnerRef
) -> None:
    registrations = lose_registrations(furnished)
    review_standing(furnished.house, ORG)
    with furnished.house.uow.for_institution(ORG) as tx:
        for one in registrations:
            furnished.house.at(tx).registry_store.add_city_registration(one)
    review_standing(furnished.house, ORG)
    lose_registrations(furnished)

    assert review_standing(furnished.house, ORG) == Reviewed(1, 0)
    assert statement(furnished, learner).credited_seconds == 0


def test_study_of_a_withdrawn_course_is_frozen_from_its_day_on(
    furnished: Furnished, learner: LearnerRef
) -> None:
    before = statement(furnished, learner)
    with furnished.house.uow.for_institution(ORG) as tx:
        withdraw_course(tx, COURSE, TODAY, "staff_1")
        with pytest.raises(InvalidInput, match="course_withdrawn"):
            withdraw_course(tx, COURSE, TODAY, "staff_1")

    assert review_standing(furnished.house, ORG) == Reviewed(1, 0)
    assert set(statement(furnished, learner).reasons) >= {"course_withdrawn"}

    with furnished.house.uow.for_institution(ORG) as tx:
        restore_course(tx, COURSE, "staff_2")
        with pytest.raises(InvalidInput, match="course_not_withdrawn"):
            restore_course(tx, COURSE, "staff_2")
    assert review_standing(furnished.house, ORG) == Reviewed(0, 1)
    assert statement(furnished, learner) == before


def test_a_course_withdrawn_later_freezes_nothing_of_before(
    furnished: Furnished, learner: LearnerRef
) -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        withdraw_course(tx, COURSE, date(2026, 11, 25), "staff_1")

    assert review_standing(furnished.house, ORG) == Reviewed(0, 0)
    assert learner


def test_an_unknown_course_cannot_be_withdrawn(furnished: Furnished) -> None:
    with furnished.house.uow.for_institution(ORG) as tx, pytest.raises(InvalidInput, match="course_unknown"):
        withdraw_course(tx, CourseId("course_nobody_has"), TODAY, "staff_1")


def test_the_sweep_has_it_done_once_an_hour(furnished: Furnished, learner: LearnerRef) -> None:
    lose_registrations(furnished)

    sweep_standing(furnished.house)
    furnished.work_off()
    assert statement(furnished, learner).credited_seconds == 0
    asked = furnished.house.reviewed_stretch
    furnished.clock.advance(minutes=59)
    sweep_standing(furnished.house)
    assert furnished.house.reviewed_stretch == asked
    furnished.clock.advance(minutes=2)
    sweep_standing(furnished.house)
    assert furnished.house.reviewed_stretch == asked + 1
