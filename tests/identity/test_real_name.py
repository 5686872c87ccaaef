import threading

import pytest
from sqlalchemy import select, update

from bridge.db.outbox import EventRow
from bridge.identity.citizen_id import check_character
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.registry.tables import ClassRunRow
from bridge.rules.model import Decision
from tests.identity.house import (
    CHEN,
    CHEN_ID,
    CONTEXT,
    HUANG,
    HUANG_ID,
    PLATFORM,
    RUN,
    STRANGER,
    STRANGER_ID,
    House,
    demo_catalogue,
    no_photographs,
)


def _try(house: House, sub: str, name: str, citizen_id: str) -> Decision[object]:
    with house.desk() as desk:
        decision = desk.identity.verify_real_name(desk.account(sub), RUN, name, citizen_id)
        return Decision(decision.value, decision.reasons)


def _events(house: House) -> list[EventRow]:
    with house.desk() as desk:
        return list(desk.tx.session.scalars(select(EventRow).where(EventRow.type == "identity.verified")))


def test_a_listed_person_is_verified_and_one_event_says_so(house: House) -> None:
    decision = _try(house, "lms-user-1001", "陈 晓安", CHEN_ID)
    assert decision.reasons == ()
    (event,) = _events(house)
    assert event.subject == decision.value == event.data["learner"]
    assert event.data["class_run"] == RUN
    assert CHEN not in str(event.data)
    assert CHEN_ID not in str(event.data)


def test_the_same_person_again_is_accepted_and_told_once(house: House) -> None:
    first = _try(house, "lms-user-1001", CHEN, CHEN_ID)
    assert _try(house, "lms-user-1001", CHEN, CHEN_ID).value == first.value
    assert len(_events(house)) == 1


@pytest.mark.parametrize(
    ("name", "citizen_id", "reason"),
    [
        (CHEN, "440199199003071218", "citizen_id_check_digit"),
        (CHEN, "4401991990", "citizen_id_malformed"),
        ("陈<b>", CHEN_ID, "name_malformed"),
        (STRANGER, STRANGER_ID, "not_on_enrolment_list"),
        (HUANG, CHEN_ID, "name_mismatch"),
    ],
)
def test_each_false_claim_is_refused_with_its_reason(
    house: House, name: str, citizen_id: str, reason: str
) -> None:
    decision = _try(house, "lms-user-1001", name, citizen_id)
    assert decision.value is None
    assert [r.code for r in decision.reasons] == [reason]
    assert citizen_id not in decision.reasons[0].sentence_zh
    assert _events(house) == []


@pytest.mark.parametrize(
    ("profile", "document", "pack"),
    [("guangdong", "粤应急规〔2022〕3号", "guangdong-2022-3"), ("jiangxi", "安学桥实名核验", "bridge")],
)
def test_a_refusal_cites_the_class_runs_own_rules_and_no_other_provinces(
    house: House, profile: str, document: str, pack: str
) -> None:
    with house.desk() as desk:
        desk.tx.session.execute(update(ClassRunRow).values(profile=profile))
    (reason,) = _try(house, "lms-user-1001", HUANG, CHEN_ID).reasons
    assert (reason.code, reason.citation.document, reason.pack_id) == ("name_mismatch", document, pack)


def test_a_second_account_of_one_person_is_refused(house: House) -> None:
    _try(house, "lms-user-1001", CHEN, CHEN_ID)
    decision = _try(house, "lms-user-1004", CHEN, CHEN_ID)
    assert decision.value is None
    assert decision.reasons[0].code == "person_already_bound"


def test_a_second_person_on_one_account_is_refused(house: House) -> None:
    _try(house, "lms-user-1001", CHEN, CHEN_ID)
    decision = _try(house, "lms-user-1001", HUANG, HUANG_ID)
    assert decision.value is None
    assert decision.reasons[0].code == "account_already_bound"


def test_a_released_account_frees_the_person_and_keeps_who_they_are(house: House) -> None:
    first = _try(house, "lms-user-1001", CHEN, CHEN_ID)
    with house.desk() as desk:
        assert desk.identity.release_account(desk.account(), reason="lms_moved", by="staff_1")
    assert _try(house, "lms-user-1004", CHEN, CHEN_ID).value == first.value


def test_of_two_accounts_that_claim_one_person_at_once_one_gets_them(house: House) -> None:
    decisions: list[Decision[object]] = []
    ready = threading.Barrier(4)

    def claim(number: int) -> None:
        ready.wait(10)
        decisions.append(_try(house, f"lms-user-{number}", CHEN, CHEN_ID))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(decisions) == 4
    assert sum(d.value is not None for d in decisions) == 1
    assert {r.code for d in decisions for r in d.reasons} == {"person_already_bound"}
    assert len(_events(house)) == 1


def test_guessing_ends_after_ten_refusals_and_begins_anew_a_day_later(house: House) -> None:
    for _ in range(10):
        assert _try(house, "lms-user-1003", STRANGER, STRANGER_ID).reasons[0].code == "not_on_enrolment_list"
    assert _try(house, "lms-user-1003", CHEN, CHEN_ID).reasons[0].code == "too_many_attempts"
    house.clock.advance(hours=24)
    assert _try(house, "lms-user-1003", CHEN, CHEN_ID).value is not None


def test_a_person_of_an_unknown_area_is_verified_with_a_warning(house: House) -> None:
    body = "18000019900307121"
    number = body + check_character(body)
    entry = demo_catalogue().enrolment_list[0]
    with house.desk() as desk:
        desk.identity.load_enrolment_list(
            [type(entry)(RUN, "王示例", number, "公司", None, "x")], no_photographs
        )
    decision = _try(house, "lms-user-7", "王示例", number)
    assert decision.value is not None
    assert [r.code for r in decision.reasons] == ["citizen_id_area_unknown"]


def test_an_unknown_account_is_refused(house: House) -> None:
    with house.desk() as desk, pytest.raises(InvalidInput, match="account_unknown"):
        desk.identity.verify_real_name("acc_none", RUN, CHEN, CHEN_ID)


def test_an_account_is_recognised_at_every_launch_and_knows_its_class_run(house: House) -> None:
    with house.desk() as desk:
        first = desk.identity.recognise(PLATFORM, "lms-user-1001", CONTEXT)
        assert (first.learner, first.class_run, first.listed) == (None, RUN, False)
        learner = desk.verified()
    with house.desk() as desk:
        again = desk.identity.recognise(PLATFORM, "lms-user-1001", CONTEXT)
        assert again.account_id == first.account_id
        assert (again.learner, again.listed) == (learner, True)
        assert desk.identity.recognise(PLATFORM, "lms-user-1001", {}).class_run is None


def test_a_known_person_is_verified_for_a_further_class_run_by_its_list(house: House) -> None:
    with house.desk() as desk:
        learner = desk.verified()
        entry = demo_catalogue().enrolment_list[0]
        other = ClassRunId("run_other")
        moved = type(entry)(other, entry.name, entry.citizen_id, entry.employer, None, "x")
        desk.identity.load_enrolment_list([moved], no_photographs)

        class Other:
            def class_run_for(self, _registration: object, _context: object) -> ClassRunId:
                return other

            def real_name_rule(self, _class_run: object) -> None:
                return None

        desk.identity._class_runs = Other()
        account = desk.identity.recognise(PLATFORM, "lms-user-1001", CONTEXT)
        assert (account.class_run, account.listed) == (other, True)
    assert {(e.subject, e.data["class_run"]) for e in _events(house)} == {(learner, RUN), (learner, other)}


@pytest.mark.parametrize("sub", ["", "x" * 256])
def test_a_sub_that_is_no_account_is_refused(house: House, sub: str) -> None:
    with house.desk() as desk, pytest.raises(InvalidInput, match="sub_malformed"):
        desk.identity.recognise(PLATFORM, sub, {})


def test_another_institution_sees_nobody(house: House) -> None:
    with house.desk() as desk:
        learner = desk.verified()
        account_id = desk.account()
    with house.desk(InstitutionId("org_other")) as desk:
        assert desk.identity_store.account(account_id) is None
        assert desk.identity_store.person(learner) is None
        assert desk.identity_store.list_row(RUN, CHEN_ID) is None
        with pytest.raises(InvalidInput, match="learner_unknown"):
            desk.identity.disclose(learner, purpose="test", recipient="nobody", by="test")
