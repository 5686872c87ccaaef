"""Real names by other documents than the resident card: checked where a check is known, by staff where none is."""

from pathlib import Path
from typing import Any

import pytest

from bridge.identity.citizen_id import check_character
from bridge.identity.name_checks import STAFF_ALONE
from bridge.identity.provider_model import CheckState, Outcome
from bridge.kernel.errors import InvalidInput
from bridge.registry.model import EnrolmentEntry
from bridge.wiring.name_jobs import decide_by_staff, refuse_by_staff
from tests.web.furnished import CHEN_ID, ORG, RUN, Furnished, furnish
from tests.wiring.test_name_jobs import Scripted, claim, owner, refusals, use

NAME = "JOHN A. SMITH"
PASSPORT, NUMERIC_PASSPORT, CARD_2017 = "E12345678", "123456789", "ABC123456789012"
CARD_2023 = f"91115699001307121{check_character('91115699001307121')}"
HK_MACAU = f"81000019900307121{check_character('81000019900307121')}"
TAIWAN = f"83000019900307121{check_character('83000019900307121')}"


@pytest.fixture
def furnished(tmp_path: Path) -> Furnished:
    return furnish(tmp_path)


def listed(furnished: Furnished, *numbers: str, name: str = NAME) -> None:
    def none(symbol: str) -> bytes:
        raise LookupError(symbol)

    entries = [EnrolmentEntry(RUN, name, number, "示例公司", None, "test") for number in numbers]
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).identity.load_enrolment_list(entries, none)


def waiting(furnished: Furnished) -> list[Any]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return list(furnished.house.at(tx).name_checks.for_staff(RUN))


@pytest.mark.parametrize("number", [CARD_2017, CARD_2023, HK_MACAU, TAIWAN])
def test_cards_and_permits_are_real_named_against_the_list(furnished: Furnished, number: str) -> None:
    listed(furnished, number)
    account, decision = claim(furnished, name="John  A.Smith", number=f" {number[:6]} {number[6:].lower()}")
    assert decision.value is not None
    assert owner(furnished, account) == decision.value
    expected = ["document_form_only"] if number == CARD_2017 else []
    assert [reason.code for reason in decision.reasons] == expected
    assert all(reason.citation.basis == "practice" for reason in decision.reasons)


@pytest.mark.parametrize("provider", [None, Scripted(Outcome.MATCH)])
def test_a_passport_is_never_passed_by_a_machine(furnished: Furnished, provider: Scripted | None) -> None:
    listed(furnished, PASSPORT)
    if provider is not None:
        use(furnished, provider)
    for _ in range(12):  # nor does asking often count as guessing
        account, decision = claim(furnished, name=NAME, number=PASSPORT)
        furnished.work_off()
    assert (decision.value, [one.code for one in decision.reasons]) == (None, ["real_name_staff_check"])
    assert owner(furnished, account) is None
    assert [(one.state, one.detail) for one in waiting(furnished)] == [(CheckState.STAFF, STAFF_ALONE)]
    assert refusals(furnished) == []
    assert provider is None or provider.asked == []


def test_staff_who_have_seen_the_passport_let_the_person_in(furnished: Furnished) -> None:
    listed(furnished, PASSPORT)
    account, _ = claim(furnished, name=NAME, number=PASSPORT)
    (check,) = waiting(furnished)
    with furnished.house.uow.for_institution(ORG) as tx:
        with pytest.raises(InvalidInput, match="card_number_differs"):
            decide_by_staff(furnished.house, tx, check.id, card_number="E12345679", by="stf_1")
        assert decide_by_staff(furnished.house, tx, check.id, card_number="e1234 5678", by="stf_1")
    assert owner(furnished, account) is not None
    assert waiting(furnished) == []


def test_whom_staff_refused_must_be_seen_by_staff_again(furnished: Furnished) -> None:
    listed(furnished, PASSPORT)
    account, _ = claim(furnished, name=NAME, number=PASSPORT)
    with furnished.house.uow.for_institution(ORG) as tx:
        refuse_by_staff(furnished.house, tx, waiting(furnished)[0].id, by="stf_1")
    account, decision = claim(furnished, name=NAME, number=PASSPORT)
    assert [one.code for one in decision.reasons] == ["real_name_staff_check"]
    assert owner(furnished, account) is None
    assert len(waiting(furnished)) == 1


def test_nine_digits_are_a_passport_where_the_list_says_so_and_a_torn_number_elsewhere(
    furnished: Furnished,
) -> None:
    _, decision = claim(furnished, name=NAME, number=NUMERIC_PASSPORT)
    assert [one.code for one in decision.reasons] == ["citizen_id_malformed"]
    with furnished.house.uow.for_institution(ORG) as tx:
        store = furnished.house.at(tx).enrolments._store
        store.add_list_row(RUN, NAME, NUMERIC_PASSPORT, "", furnished.clock.now())
    _, decision = claim(furnished, name=NAME, number=NUMERIC_PASSPORT)
    assert [one.code for one in decision.reasons] == ["real_name_staff_check"]


def test_a_name_in_the_other_writing_is_told_and_never_taken_for_the_same(furnished: Furnished) -> None:
    account, decision = claim(furnished, name="陳曉安", number=CHEN_ID)
    assert (decision.value, [one.code for one in decision.reasons]) == (None, ["name_variant"])
    assert owner(furnished, account) is None
    assert refusals(furnished) == []
    assert claim(furnished, name="陈小安", number=CHEN_ID)[1].reasons[0].code == "name_mismatch"
