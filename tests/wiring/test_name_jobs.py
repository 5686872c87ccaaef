"""Real names on their way to a provider: what each outcome does to the learner, and to nobody else."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bridge.identity.consent import PHOTO_CONSENT, PHOTO_TO_SOURCE
from bridge.identity.name_checks import NO_CONSENT
from bridge.identity.provider_model import Answer, CheckState, Claim, Outcome, ProviderFacts
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.rules.model import Decision
from bridge.wiring.jobs import sweep
from bridge.wiring.name_jobs import decide_by_staff, refuse_by_staff
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, ORG, RUN, Furnished, furnish

SUB = "lms-user-1001"
PASSING = [Outcome.TIMEOUT, Outcome.OUTAGE, Outcome.QUOTA, Outcome.REFUSED]


class Scripted:
    """Answers as it is told, and notes what it was asked."""

    def __init__(self, *answers: Outcome, code: str = "scripted", needs_photo: bool = False) -> None:
        self.facts = ProviderFacts(code, "试验核验服务", remote=True, needs_photo=needs_photo, host="x")
        self.answers = list(answers)
        self.asked: list[Claim] = []

    def verify(self, claim: Claim) -> Answer:
        self.asked.append(claim)
        return Answer(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], "code")


@pytest.fixture
def furnished(tmp_path: Any) -> Furnished:
    return furnish(tmp_path)


def use(furnished: Furnished, *providers: Scripted) -> None:
    furnished.house.__dict__["real_name_providers"] = providers


def claim(
    furnished: Furnished, sub: str = SUB, name: str = CHEN, number: str = CHEN_ID
) -> tuple[str, Decision[Any]]:
    account = furnished.account(sub)
    with furnished.house.uow.for_institution(ORG) as tx:
        return account, furnished.house.at(tx).identity.verify_real_name(account, RUN, name, number)


def owner(furnished: Furnished, account: str) -> object:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).identity.owner_of_account(account)


def state(furnished: Furnished, account: str) -> CheckState:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        check = furnished.house.at(tx).name_checks.newest(account, RUN)
    assert check is not None
    return check.state


def rows(furnished: Furnished, query: str) -> Sequence[Any]:
    with furnished.house.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def refusals(furnished: Furnished) -> list[str]:
    return [reason for (reason,) in rows(furnished, "SELECT reason FROM real_name_refusal")]


def later(furnished: Furnished, **by: int) -> None:
    furnished.clock.advance(**by)
    sweep(furnished.house)
    furnished.work_off()


def test_nothing_leaves_while_the_learner_waits_and_a_match_binds(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MATCH)
    use(furnished, provider)
    account, decision = claim(furnished)
    assert (decision.value, [one.code for one in decision.reasons]) == (None, ["real_name_pending"])
    assert provider.asked == []
    assert owner(furnished, account) is None

    furnished.work_off()
    assert [(one.name, one.citizen_id, one.photo) for one in provider.asked] == [(CHEN, CHEN_ID, None)]
    learner = owner(furnished, account)
    assert learner is not None
    assert claim(furnished)[1].value == learner
    assert len(provider.asked) == 1
    assert refusals(furnished) == []


def test_what_went_to_whom_is_written_down_without_saying_who_it_is(furnished: Furnished) -> None:
    use(furnished, Scripted(Outcome.MATCH))
    claim(furnished)
    furnished.work_off()
    ((provider, sent, purpose, outcome),) = rows(
        furnished, "SELECT provider, sent, purpose, outcome FROM real_name_question"
    )
    assert (provider, sent, purpose, outcome) == (
        "scripted",
        "name,citizen_id",
        "real_name.verify",
        "match",
    )
    kept = ("SELECT * FROM real_name_question", "SELECT * FROM real_name_check")
    told = str([rows(furnished, query) for query in kept])
    assert CHEN not in told
    assert CHEN_ID not in told


def test_a_mismatch_is_refused_and_counted_and_may_be_asked_again(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MISMATCH, Outcome.MATCH)
    use(furnished, provider)
    account, _ = claim(furnished)
    furnished.work_off()
    assert (state(furnished, account), refusals(furnished)) == (CheckState.MISMATCHED, ["name_mismatch"])
    assert owner(furnished, account) is None
    claim(furnished)
    furnished.work_off()
    assert owner(furnished, account) is not None


@pytest.mark.parametrize("outcome", [Outcome.NO_RECORD, Outcome.UNCLEAR])
def test_who_is_not_on_record_is_for_staff_and_no_impostor(furnished: Furnished, outcome: Outcome) -> None:
    provider = Scripted(outcome)
    use(furnished, provider)
    account, _ = claim(furnished)
    furnished.work_off()
    assert state(furnished, account) is CheckState.STAFF
    assert [one.code for one in claim(furnished)[1].reasons] == ["real_name_staff_check"]
    later(furnished, days=1)
    assert len(provider.asked) == 1
    assert refusals(furnished) == []
    assert owner(furnished, account) is None


@pytest.mark.parametrize("outcome", PASSING)
def test_silence_is_asked_again_by_itself_and_held_against_nobody(
    furnished: Furnished, outcome: Outcome
) -> None:
    provider = Scripted(outcome, Outcome.MATCH)
    use(furnished, provider)
    account, _ = claim(furnished)
    furnished.work_off()
    assert (state(furnished, account), owner(furnished, account)) == (CheckState.PENDING, None)
    assert [one.code for one in claim(furnished)[1].reasons] == ["real_name_pending"]
    furnished.work_off()
    assert len(provider.asked) == 1
    later(furnished, minutes=10)
    assert len(provider.asked) == 2
    assert owner(furnished, account) is not None
    assert refusals(furnished) == []


@pytest.mark.parametrize(
    ("outcome", "grace"),
    [
        (Outcome.TIMEOUT, timedelta(minutes=30)),
        (Outcome.REFUSED, timedelta(hours=1)),
        (Outcome.OUTAGE, timedelta(hours=4)),
        (Outcome.QUOTA, timedelta(hours=4)),
    ],
)
def test_after_its_own_grace_staff_are_asked_instead(
    furnished: Furnished, outcome: Outcome, grace: timedelta
) -> None:
    provider = Scripted(outcome)
    use(furnished, provider)
    account, _ = claim(furnished)
    furnished.work_off()
    minutes = int(grace.total_seconds()) // 60
    later(furnished, minutes=minutes - 1)
    assert state(furnished, account) is CheckState.PENDING
    for _ in range(20):
        later(furnished, minutes=30)
    assert state(furnished, account) is CheckState.STAFF
    asked = len(provider.asked)
    later(furnished, days=1)
    assert len(provider.asked) == asked

    provider.answers = [Outcome.MATCH]
    assert [one.code for one in claim(furnished)[1].reasons] == ["real_name_pending"]
    furnished.work_off()
    assert owner(furnished, account) is not None


@pytest.mark.parametrize("outcome", [Outcome.QUOTA, Outcome.REFUSED])
def test_a_provider_that_needs_the_operator_is_left_alone_for_ten_minutes(
    furnished: Furnished, outcome: Outcome
) -> None:
    provider = Scripted(outcome)
    use(furnished, provider)
    claim(furnished)
    furnished.work_off()
    later(furnished, minutes=9)
    assert len(provider.asked) == 1
    later(furnished, minutes=1)
    assert len(provider.asked) == 2


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.OUTAGE])
def test_the_second_provider_hears_of_nobody_unless_the_first_is_out_of_order(
    furnished: Furnished, outcome: Outcome
) -> None:
    second = Scripted(Outcome.MATCH, code="second")
    use(furnished, Scripted(outcome), second)
    claim(furnished)
    furnished.work_off()
    assert second.asked == []


def test_the_second_provider_answers_an_outage(furnished: Furnished) -> None:
    first, second = Scripted(Outcome.OUTAGE), Scripted(Outcome.MATCH, code="second")
    use(furnished, first, second)
    account, _ = claim(furnished)
    furnished.work_off()
    assert owner(furnished, account) is not None
    assert rows(furnished, "SELECT provider, outcome FROM real_name_question ORDER BY provider") == [
        ("scripted", "outage"),
        ("second", "match"),
    ]


def test_a_photograph_leaves_only_with_a_consent_of_its_own(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MATCH, needs_photo=True)
    use(furnished, provider)
    account, decision = claim(furnished)
    assert [one.code for one in decision.reasons] == ["real_name_staff_check"]
    furnished.work_off()
    assert provider.asked == []
    assert rows(furnished, "SELECT detail FROM real_name_check") == [(NO_CONSENT,)]

    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).identity.give_consent(account, PHOTO_TO_SOURCE, PHOTO_CONSENT.version)
    claim(furnished)
    furnished.work_off()
    assert provider.asked[0].photo
    assert owner(furnished, account) is not None
    assert rows(furnished, "SELECT sent FROM real_name_question") == [("name,citizen_id,photo",)]


def test_a_consent_taken_back_before_the_question_leaves_stops_it(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MATCH, needs_photo=True)
    use(furnished, provider)
    account = furnished.account(SUB)
    with furnished.house.uow.for_institution(ORG) as tx:
        identity = furnished.house.at(tx).identity
        identity.give_consent(account, PHOTO_TO_SOURCE, PHOTO_CONSENT.version)
    claim(furnished)
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).identity.revoke_consent(account, PHOTO_TO_SOURCE)
    furnished.work_off()
    assert provider.asked == []
    assert state(furnished, account) is CheckState.STAFF
    assert rows(furnished, "SELECT detail FROM real_name_check") == [(NO_CONSENT,)]


def correct_name(furnished: Furnished, name: str) -> None:
    with furnished.house.uow.for_institution(ORG) as tx:
        store = furnished.house.at(tx).identity._store
        row = store.list_row(RUN, CHEN_ID)
        assert row is not None
        store.change_list_row(row.id, name, row.employer)


def test_an_answer_to_what_the_list_said_before_names_nobody(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MATCH)
    use(furnished, provider)
    account, _ = claim(furnished)
    correct_name(furnished, HUANG)
    furnished.work_off()
    assert provider.asked == []
    assert owner(furnished, account) is None
    claim(furnished, name=HUANG)
    furnished.work_off()
    assert [one.name for one in provider.asked] == [HUANG]


def test_a_list_corrected_while_the_provider_thinks_is_another_question(furnished: Furnished) -> None:
    class Slow(Scripted):
        def verify(self, claim_: Claim) -> Answer:
            if not self.asked:
                correct_name(furnished, HUANG)
                claim(furnished, name=HUANG)
                self.asked.append(claim_)
                return Answer(Outcome.MATCH)
            return super().verify(claim_)

    provider = Slow(Outcome.MISMATCH)
    use(furnished, provider)
    account, _ = claim(furnished)
    furnished.work_off()
    assert [one.name for one in provider.asked] == [CHEN, HUANG]
    assert owner(furnished, account) is None


def test_two_accounts_that_claim_one_person_are_not_both_bound(furnished: Furnished) -> None:
    use(furnished, Scripted(Outcome.MATCH))
    accounts = [claim(furnished, sub)[0] for sub in (SUB, "lms-user-1004")]
    furnished.work_off()
    assert sum(owner(furnished, account) is not None for account in accounts) == 1


def to_staff(furnished: Furnished) -> tuple[str, str]:
    use(furnished, Scripted(Outcome.NO_RECORD))
    account, _ = claim(furnished)
    furnished.work_off()
    ((check,),) = rows(furnished, "SELECT id FROM real_name_check")
    return account, check


def test_staff_who_type_the_number_of_the_card_bind_the_person(furnished: Furnished) -> None:
    account, check = to_staff(furnished)
    with furnished.house.uow.for_institution(ORG) as tx:
        assert decide_by_staff(furnished.house, tx, check, card_number=f" {CHEN_ID} ", by="staff_1")
    assert owner(furnished, account) is not None
    assert rows(furnished, "SELECT state, decided_by FROM real_name_check") == [("matched", "staff_1")]
    with (
        furnished.house.uow.for_institution(ORG) as tx,
        pytest.raises(InvalidInput, match="real_name_check_closed"),
    ):
        decide_by_staff(furnished.house, tx, check, card_number=CHEN_ID, by="staff_1")


def test_another_cards_number_decides_nothing(furnished: Furnished) -> None:
    account, check = to_staff(furnished)
    with (
        furnished.house.uow.for_institution(ORG) as tx,
        pytest.raises(InvalidInput, match="card_number_differs"),
    ):
        decide_by_staff(furnished.house, tx, check, card_number=HUANG_ID, by="staff_1")
    assert (owner(furnished, account), state(furnished, account)) == (None, CheckState.STAFF)


def test_staff_may_say_that_it_is_somebody_else(furnished: Furnished) -> None:
    account, check = to_staff(furnished)
    with furnished.house.uow.for_institution(ORG) as tx:
        refuse_by_staff(furnished.house, tx, check, by="staff_1")
    assert (owner(furnished, account), state(furnished, account)) == (None, CheckState.MISMATCHED)
    assert refusals(furnished) == ["name_mismatch"]


def test_a_provider_that_lacks_settings_is_not_asked(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MATCH)
    provider.facts = ProviderFacts("scripted", "试验", remote=True, missing=("ANXUE_REAL_NAME_X",))
    use(furnished, provider)
    account, _ = claim(furnished)
    furnished.work_off()
    assert provider.asked == []
    assert rows(furnished, "SELECT outcome, detail FROM real_name_check") == [("refused", "settings_missing")]
    assert owner(furnished, account) is None


def test_a_match_is_spent_by_the_binding_that_it_made(furnished: Furnished) -> None:
    account, check = to_staff(furnished)
    with furnished.house.uow.for_institution(ORG) as tx:
        decide_by_staff(furnished.house, tx, check, card_number=CHEN_ID, by="staff_1")
    with furnished.house.uow.for_institution(ORG) as tx:
        identity = furnished.house.at(tx).identity
        assert identity.release_account(account, reason="account_shared", by="staff_1")
    assert [one.code for one in claim(furnished)[1].reasons] == ["real_name_pending"]
    assert owner(furnished, account) is None


def test_a_question_that_no_job_could_put_goes_to_staff_after_a_day(furnished: Furnished) -> None:
    class Broken(Scripted):
        def verify(self, claim_: Claim) -> Answer:
            raise ZeroDivisionError

    use(furnished, Broken(Outcome.MATCH))
    account, _ = claim(furnished)
    furnished.work_off()
    later(furnished, hours=23)
    assert state(furnished, account) is CheckState.PENDING
    later(furnished, hours=1)
    assert state(furnished, account) is CheckState.STAFF
    assert refusals(furnished) == []


def test_a_destroyed_photograph_is_none(furnished: Furnished) -> None:
    provider = Scripted(Outcome.MATCH, needs_photo=True)
    use(furnished, provider)
    account = furnished.account(SUB)
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        stations.identity.give_consent(account, PHOTO_TO_SOURCE, PHOTO_CONSENT.version)
        row = SqlIdentityStore(tx, furnished.house.cipher).list_row(RUN, CHEN_ID)
        assert row is not None
        scope = EvidenceScope(ORG, row.id, EvidencePurpose.ID_PHOTO, RUN)
        assert stations.vault.destroy(scope, reason="requested", by="stf_lin")
    claim(furnished)
    furnished.work_off()
    assert provider.asked == []
    assert rows(furnished, "SELECT state, detail FROM real_name_check") == [("staff", "photo_missing")]
