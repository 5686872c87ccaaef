"""Impact assessments: recorded once, never changed, and without one in force no face is processed."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.kernel.time import legal_date
from bridge.registry.assessment_model import (
    FACE,
    FACE_SEARCH,
    AssessmentResult,
    ImpactAssessment,
    decide,
)
from bridge.registry.assessments import AssessmentForm, ImpactAssessments
from tests.identity.house import NOW, ORG, RUN, House, demo_catalogue

TODAY = legal_date(NOW)
FORM = AssessmentForm(
    purpose=FACE,
    class_run="",
    version="2026-1",
    assessed_on=TODAY,
    until=TODAY + timedelta(days=365),
    assessed_by="教务部(虚构)",
    result="with_measures",
    necessity="防止代学,虚构的记录。",
    risks="泄露和误判,虚构的记录。",
    measures="加密保存,虚构的记录。",
)


@pytest.fixture
def office(house: House) -> House:
    with house.desk(ORG) as desk:
        desk.load(demo_catalogue())
    return house


def add(house: House, *forms: AssessmentForm) -> None:
    for form in forms:
        with house.desk(ORG) as desk:
            ImpactAssessments(desk.tx, desk.registry.class_run, house.clock).add(form, "staff_lin")


def reasons(house: House, purpose: str = FACE) -> list[str]:
    with house.desk(ORG) as desk:
        found = ImpactAssessments(desk.tx, desk.registry.class_run, house.clock).in_force(purpose, RUN)
    assert found.value is not bool(found.reasons)
    return [reason.code for reason in found.reasons]


def test_without_an_assessment_faces_are_not_processed(office: House) -> None:
    assert reasons(office) == ["impact_assessment_missing"]


def test_an_assessment_in_force_switches_on_its_own_purpose_alone(office: House) -> None:
    add(office, FORM)
    assert reasons(office) == []
    assert reasons(office, FACE_SEARCH) == ["impact_assessment_missing"]


def test_it_holds_until_its_last_day_and_not_after(office: House) -> None:
    add(office, replace(FORM, until=TODAY + timedelta(days=1)))
    office.clock.advance(days=1)
    assert reasons(office) == []
    office.clock.advance(days=1)
    assert reasons(office) == ["impact_assessment_expired"]


def test_a_refusal_stops_the_class_runs_that_have_one_of_their_own(office: House) -> None:
    add(office, replace(FORM, class_run=RUN), replace(FORM, version="2026-2", result="refused"))
    assert reasons(office) == ["impact_assessment_refused"]
    add(office, replace(FORM, version="2026-3"))
    assert reasons(office) == []


def test_a_version_is_recorded_once(office: House) -> None:
    add(office, FORM)
    with pytest.raises(InvalidInput, match="assessment_version_stands"):
        add(office, replace(FORM, result="refused"))


@pytest.mark.parametrize(
    "verb", ["UPDATE impact_assessment SET result = 'acceptable'", "DELETE FROM impact_assessment"]
)
def test_the_database_refuses_to_change_one(office: House, verb: str) -> None:
    add(office, FORM)
    with pytest.raises(DatabaseError, match="append-only"), office.desk(ORG) as desk:
        desk.tx.session.execute(text(verb))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"purpose": "gait"}, "assessment_purpose_unknown"),
        ({"version": "第一版"}, "assessment_version_malformed"),
        ({"result": "maybe"}, "assessment_result_unknown"),
        ({"assessed_on": TODAY + timedelta(days=1)}, "assessment_dates_malformed"),
        ({"until": TODAY - timedelta(days=1)}, "assessment_dates_malformed"),
        ({"until": TODAY + timedelta(days=1099)}, "assessment_dates_malformed"),
        ({"risks": "无"}, "assessment_text_malformed"),
        ({"assessed_by": " "}, "assessment_text_malformed"),
        ({"report_sha256": "no digest"}, "assessment_report_malformed"),
        ({"class_run": "run_none"}, "class_run_unknown"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_is_no_assessment_is_refused(office: House, change: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        add(office, replace(FORM, **change))  # type: ignore[arg-type]  # one field of the form, which the case names
    assert reasons(office) == ["impact_assessment_missing"]


def _assessment(run: str | None, result: AssessmentResult, from_day: int, until_day: int) -> ImpactAssessment:
    start = date(2026, 1, 1)
    return ImpactAssessment(
        "pia_x", FACE, ClassRunId(run) if run else None, "1", start + timedelta(from_day),
        start + timedelta(until_day), "x", result, "x", "x", "x", None, "x", NOW,
    )  # fmt: skip


@given(
    st.lists(
        st.builds(
            _assessment,
            st.sampled_from([None, "run_a", "run_b"]),
            st.sampled_from(AssessmentResult),
            st.integers(0, 20),
            st.integers(0, 20),
        ),
        max_size=6,
    ),
    st.integers(0, 20),
)
def test_nothing_is_allowed_unless_the_newest_word_allows_it_today(
    known: list[ImpactAssessment], day: int
) -> None:
    today = date(2026, 1, 1) + timedelta(day)
    newest = {one.class_run: one for one in known}
    own, general = newest.get(ClassRunId("run_a")), newest.get(None)
    deciding = own or general
    allowed = decide(known, FACE, ClassRunId("run_a"), today).value
    refused = AssessmentResult.REFUSED in [one.result for one in (own, general) if one]
    assert allowed == (
        deciding is not None and not refused and deciding.assessed_on <= today <= deciding.until
    )
