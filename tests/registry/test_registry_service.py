from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bridge.db.outbox import EventRow
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId
from bridge.kernel.time import epoch_ms
from bridge.registry.lti_registrations import LtiRegistrations
from bridge.registry.model import Institution, OfflineSession
from bridge.rules.model import NoRuleInForce
from lti.errors import LaunchRefused
from tests.identity.house import NOW, ORG, PLATFORM, RUN, VARIABLES, Desk, House, demo_catalogue

LEARNER, SECOND = LearnerRef("ln_1"), LearnerRef("ln_2")
START = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def _enrolled(house: House) -> House:
    with house.desk() as desk:
        desk.registry.load_catalogue(demo_catalogue())
        desk.registry.enrol(LEARNER, RUN, "elr_1")
        desk.registry.enrol(SECOND, RUN, "elr_2")
    return house


def _enter(desk: Desk, **changes: Any) -> OfflineSession:
    fields: dict[str, Any] = {
        "class_run_id": RUN,
        "outline_unit_id": "part_offline",
        "class_hours": 2,
        "starts_at": START,
        "ends_at": START + timedelta(minutes=95),
        "teacher": "staff_teacher",
        "place": "示例教室",
        "sheet_sha256": "0" * 64,
        "learners": [LEARNER, SECOND],
        "by": "staff_lin",
    }
    return desk.registry.enter_offline_session(**{**fields, **changes})


def test_a_catalogue_loaded_twice_changes_nothing(house: House) -> None:
    with house.desk() as desk:
        assert "run_demo" in desk.registry.load_catalogue(demo_catalogue()).added
    with house.desk() as desk:
        assert desk.registry.load_catalogue(demo_catalogue()).added == ()


def test_floating_dates_stay_as_the_first_load_wrote_them(house: House) -> None:
    with house.desk() as desk:
        desk.registry.load_catalogue(demo_catalogue())
    with house.desk() as desk:
        desk.registry.load_catalogue(demo_catalogue(NOW + timedelta(days=3)))
        assert desk.registry.class_run(RUN).opens_on == date(2026, 11, 16)


def test_what_hours_rest_on_never_changes_under_its_id(house: House) -> None:
    catalogue = demo_catalogue()
    unit = replace(catalogue.courses[0].units[0], nominal_ms=9_000_000)
    longer = replace(catalogue.courses[0], units=(unit, *catalogue.courses[0].units[1:]))
    with house.desk() as desk:
        desk.registry.load_catalogue(catalogue)
    with house.desk() as desk, pytest.raises(InvalidInput, match="catalogue_conflict"):
        desk.registry.load_catalogue(replace(catalogue, courses=(longer,)))


def test_a_platforms_addresses_may_change(house: House) -> None:
    catalogue = demo_catalogue()
    with house.desk() as desk:
        desk.registry.load_catalogue(catalogue)
    moved = replace(catalogue.lti_registrations[0], jwks_url="http://127.0.0.1:9/jwks")
    with house.desk() as desk:
        desk.registry.load_catalogue(replace(catalogue, lti_registrations=(moved,)))
    assert LtiRegistrations(house.units, house.cipher).by_id(PLATFORM).jwks_url == "http://127.0.0.1:9/jwks"


def test_an_unknown_profile_stops_the_load(house: House) -> None:
    catalogue = demo_catalogue()
    other = replace(catalogue.class_runs[0], profile="atlantis")
    with house.desk() as desk, pytest.raises(InvalidInput, match="profile_unknown"):
        desk.registry.load_catalogue(replace(catalogue, class_runs=(other,)))


def test_another_institutions_ids_and_code_cannot_be_taken(house: House) -> None:
    catalogue = demo_catalogue()
    with house.desk() as desk:
        desk.registry.load_catalogue(catalogue)
    other = InstitutionId("org_other")
    stolen = replace(catalogue, institution=replace(catalogue.institution, id=other))
    with house.desk(other) as desk, pytest.raises(InvalidInput, match="catalogue_id_taken"):
        desk.registry.load_catalogue(stolen)
    bare = replace(stolen, outlines=(), courses=(), class_runs=(), lti_registrations=(), lti_contexts=())
    with pytest.raises(InvalidInput, match="uscc_taken"), house.desk(other) as desk:
        desk.registry.load_catalogue(bare)


def test_a_failed_load_leaves_nothing(house: House) -> None:
    catalogue = demo_catalogue()
    bad = replace(catalogue.enrolment_list[1], citizen_id="440199198511151318")
    with pytest.raises(InvalidInput, match="enrolment_entry_invalid"), house.desk() as desk:
        desk.load(replace(catalogue, enrolment_list=(catalogue.enrolment_list[0], bad)))
    with house.desk() as desk:
        with pytest.raises(InvalidInput, match="class_run_unknown"):
            desk.registry.class_run(RUN)
        assert desk.identity_store.list_row(RUN, catalogue.enrolment_list[0].citizen_id) is None


def test_enrolling_twice_is_once(house: House) -> None:
    with _enrolled(house).desk() as desk:
        assert desk.registry.enrol(LEARNER, RUN, "elr_1") is False
        assert desk.registry.enrolled(RUN) == [LEARNER, SECOND]
        assert desk.registry.class_runs_of(LEARNER) == [RUN]
        with pytest.raises(InvalidInput, match="class_run_unknown"):
            desk.registry.enrol(LEARNER, ClassRunId("run_none"), "elr_1")


def test_a_sheet_holds_course_outline_and_the_packs_that_decide(house: House) -> None:
    with _enrolled(house).desk() as desk:
        sheet = desk.registry.class_run_sheet(RUN, LEARNER)
    packs = tuple((p.id, p.content_hash) for p in sheet.packs)
    assert packs == house.rules.profile("guangdong").pack_hashes
    assert sheet.enrolled_on == date(2026, 11, 23)
    assert sheet.course == demo_catalogue().courses[0]
    assert sheet.outline == demo_catalogue().outlines[0]


def test_enrolment_falls_on_the_day_in_shanghai(house: House) -> None:
    house.clock.at = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    with _enrolled(house).desk() as desk:
        assert desk.registry.class_run_sheet(RUN, LEARNER).enrolled_on == date(2026, 11, 24)


def test_a_sheet_of_somebody_who_is_not_enrolled_is_refused(house: House) -> None:
    with _enrolled(house).desk() as desk, pytest.raises(InvalidInput, match="not_enrolled"):
        desk.registry.class_run_sheet(RUN, LearnerRef("ln_3"))


def test_contexts_and_links_lead_to_class_runs_and_units(house: House) -> None:
    with _enrolled(house).desk() as desk:
        assert desk.registry.class_run_for(PLATFORM, "demo-course-1") == RUN
        assert desk.registry.class_run_for(PLATFORM, "other") is None
        assert desk.registry.unit_for(PLATFORM, "unit-2") == "unit_fire"
        assert desk.registry.unit_for(PLATFORM, "entry") is None


def test_another_institution_sees_none_of_it(house: House) -> None:
    _enrolled(house)
    with house.desk(InstitutionId("org_other")) as desk:
        assert desk.registry.class_run_for(PLATFORM, "demo-course-1") is None
        assert desk.registry.unit_for(PLATFORM, "unit-2") is None
        assert desk.registry.enrolled(RUN) == []
        with pytest.raises(InvalidInput, match="class_run_unknown"):
            desk.registry.class_run(RUN)


@pytest.mark.parametrize(
    ("on", "city", "connected", "codes"),
    [
        (date(2026, 1, 1), "440100", True, []),
        (date(2027, 6, 30), "440100", True, []),
        (date(2025, 12, 31), "440100", True, ["not_registered_in_city"]),
        (date(2026, 11, 23), "440300", True, ["not_registered_in_city"]),
        (date(2026, 11, 23), "440100", False, ["not_connected"]),
        (date(2026, 11, 23), "440300", False, ["not_connected", "not_registered_in_city"]),
    ],
)
def test_a_class_run_opens_only_where_and_when_the_law_lets_it(
    house: House, on: date, city: str, connected: bool, codes: list[str]
) -> None:
    catalogue = demo_catalogue()
    institution: Institution = replace(catalogue.institution, provincial_connected=connected)
    with house.desk() as desk:
        desk.registry.load_catalogue(replace(catalogue, institution=institution))
        run = replace(desk.registry.class_run(RUN), division_code=city)
        decision = desk.registry.opening_decision(run, on)
    assert decision.value is (codes == [])
    assert [r.code for r in decision.reasons] == codes
    assert all(str(r.citation).startswith("粤应急规〔2022〕3号第") for r in decision.reasons)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"kind": "review", "opens_on": date(2026, 5, 31)}, []),
        ({"kind": "review", "opens_on": date(2026, 6, 1)}, ["review_abolished"]),
        ({"kind": "renewal", "opens_on": date(2026, 6, 1)}, []),
        ({"kind": "yearly_retraining", "opens_on": date(2026, 6, 1)}, []),
        ({"category": "hazchem_production_manager"}, ["outline_below_minimum"]),
        ({"category": "low_voltage_electrician"}, []),
        ({"category": "hazchem_production_manager", "kind": "yearly_retraining"}, ["outline_below_minimum"]),
    ],
    ids=[
        "last review",
        "first without",
        "renewal",
        "yearly",
        "four hours of 48",
        "unconfirmed",
        "four of 16",
    ],
)
def test_only_known_kinds_and_long_enough_outlines_open(
    house: House, changes: dict[str, Any], codes: list[str]
) -> None:
    with _enrolled(house).desk() as desk:
        run = replace(desk.registry.class_run(RUN), **changes)
        decision = desk.registry.opening_decision(run, date(2026, 11, 23))
    assert [reason.code for reason in decision.reasons] == codes


def test_no_class_run_opens_where_no_rule_is_in_force(house: House) -> None:
    with _enrolled(house).desk() as desk, pytest.raises(NoRuleInForce):
        desk.registry.opening_decision(desk.registry.class_run(RUN), date(2027, 7, 1))


def test_an_offline_session_counts_once_a_second_person_confirms_it(house: House) -> None:
    with _enrolled(house).desk() as desk:
        session = _enter(desk)
        confirmed = "registry.offline_confirmed"
        assert desk.tx.session.scalars(select(EventRow).where(EventRow.type == confirmed)).all() == []
        with pytest.raises(NotPermitted, match="second_person_required"):
            desk.registry.confirm_offline_session(session.id, "staff_lin")
        for _ in range(2):
            desk.registry.confirm_offline_session(session.id, "staff_zhou")
        with pytest.raises(InvalidInput, match="session_confirmed"):
            desk.registry.confirm_offline_session(session.id, "staff_third")
        events = desk.tx.session.scalars(select(EventRow).where(EventRow.type == confirmed)).all()
    assert {e.subject for e in events} == {LEARNER, SECOND}
    assert len(events) == 2
    assert events[0].data == {
        "learner": events[0].subject,
        "class_run": RUN,
        "outline_unit": "part_offline",
        "class_hours": 2,
        "start_ms": epoch_ms(START),
        "end_ms": epoch_ms(START) + 95 * 60_000,
        "teacher": "staff_teacher",
        "place": "示例教室",
        "sheet_sha256": "0" * 64,
        "entered_by": "staff_lin",
        "confirmed_by": "staff_zhou",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"class_run_id": "run_none"}, "class_run_unknown"),
        ({"outline_unit_id": "part_none"}, "outline_unit_unknown"),
        ({"outline_unit_id": "part_online"}, "outline_unit_online"),
        ({"class_hours": 0}, "class_hours_malformed"),
        ({"class_hours": 25}, "class_hours_malformed"),
        ({"ends_at": START}, "session_times_reversed"),
        ({"ends_at": NOW + timedelta(seconds=1)}, "session_in_future"),
        ({"starts_at": datetime(2026, 11, 15, 15, 59, tzinfo=UTC)}, "session_outside_class_dates"),
        ({"teacher": "陈老师"}, "reference_malformed"),
        ({"by": ""}, "reference_malformed"),
        ({"place": " "}, "place_malformed"),
        ({"sheet_sha256": "A" * 64}, "sheet_sha256_malformed"),
        ({"learners": []}, "learners_missing"),
        ({"learners": [LEARNER, "ln_3"]}, "learner_not_enrolled"),
    ],
)
def test_a_wrong_offline_session_is_refused(house: House, changes: dict[str, Any], reason: str) -> None:
    with _enrolled(house).desk() as desk:
        with pytest.raises(InvalidInput, match=reason):
            _enter(desk, **changes)
        assert desk.registry.offline_sessions(RUN) == []


def test_nobody_sits_in_two_rooms_at_once(house: House) -> None:
    with _enrolled(house).desk() as desk:
        first = _enter(desk, learners=[LEARNER])
        with pytest.raises(InvalidInput, match="learner_elsewhere"):
            _enter(
                desk,
                starts_at=first.ends_at - timedelta(seconds=1),
                ends_at=first.ends_at + timedelta(hours=1),
            )
        _enter(desk, starts_at=first.ends_at, ends_at=first.ends_at + timedelta(hours=1))
        assert len(desk.registry.offline_sessions(RUN)) == 2


def test_registrations_are_found_as_launches_and_webhooks_name_them(house: House) -> None:
    _enrolled(house)
    registrations = LtiRegistrations(house.units, house.cipher)
    found = registrations.find("http://127.0.0.1:8123", "anxue-demo")
    assert found == registrations.find("http://127.0.0.1:8123", None) == registrations.by_id(PLATFORM)
    assert (found.tenant, found.demo, found.deployment_ids) == (ORG, True, frozenset({"1"}))
    assert registrations.institution_of(PLATFORM) == ORG
    assert registrations.webhook_secrets(PLATFORM) == (VARIABLES["webhook_secret"].encode(),)
    assert registrations.allowed_origin(PLATFORM) == "http://127.0.0.1:8123"
    assert registrations.origins() == {"http://127.0.0.1:8123"}


def test_unknown_registrations_are_refused_with_their_reason(house: House) -> None:
    catalogue = demo_catalogue()
    first = catalogue.lti_registrations[0]
    second = replace(first, id=RegistrationId("reg_second"), client_id="other")
    with house.desk() as desk:
        desk.registry.load_catalogue(replace(catalogue, lti_registrations=(first, second)))
    registrations = LtiRegistrations(house.units, house.cipher)
    asked: list[tuple[str, str | None, str]] = [
        ("https://nobody.example", None, "issuer_unknown"),
        (first.issuer, "nobody", "client_id_unknown"),
        (first.issuer, None, "client_id_ambiguous"),
    ]
    for issuer, client_id, reason in asked:
        with pytest.raises(LaunchRefused) as refused:
            registrations.find(issuer, client_id)
        assert refused.value.reason == reason
    with pytest.raises(LaunchRefused):
        registrations.by_id("reg_none")
    with pytest.raises(InvalidInput, match="registration_unknown"):
        registrations.webhook_secrets("reg_none")  # type: ignore[arg-type]  # any text may come from an address
