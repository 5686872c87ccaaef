from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.completion.model import Paper, PaperKind
from bridge.completion.number_scheme import NumberScheme, running_of, spelled
from bridge.completion.number_tables import SqlPaperNumbers
from bridge.completion.paper_number import normalised
from bridge.db.unit_of_work import Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import legal_date
from tests.completion.papers import INSTITUTION, LEARNER, NOW, RUN, PlainPrinter, issued, score
from tests.completion.test_service import House, house

__all__ = ["house"]

TODAY = legal_date(NOW)
TOMORROW = TODAY + timedelta(days=1)
OTHER = InstitutionId("org_other")
_DIGITS = "0123456789"


def scheme(prefix: str = "AXPX", width: int = 6, first: date = TODAY) -> NumberScheme:
    return NumberScheme(prefix, width, first)


def set_up(house: House, *schemes: NumberScheme, institution: InstitutionId = INSTITUTION) -> None:
    with house.uow.for_institution(institution) as tx:
        for one in schemes:
            SqlPaperNumbers(tx).set(one, NOW)


def drawn(tx: Tx, on: date = TODAY) -> str:
    numbers = SqlPaperNumbers(tx)
    number = numbers.next("440100", on)
    numbers.keep(number)
    return number


def test_the_check_character_is_that_of_the_standard() -> None:
    # ISO 7064 MOD 37,36 as the GRid standard's example has it: A1-2425G-ABC1234002-M.
    assert spelled("A", "12425", "GABC1234002").endswith("-M")


@given(
    prefix=st.text("ABCDEFGHJKMNPQRSTUVWXYZ", min_size=2, max_size=8),
    running=st.integers(1, 99_999_999),
    place=st.integers(0, 11),
    other=st.sampled_from(_DIGITS),
)
def test_a_number_reads_back_however_it_is_typed_and_no_wrong_digit_does(
    prefix: str, running: int, place: int, other: str
) -> None:
    number = scheme(prefix).number(2026, running)
    assert running_of(number) == running
    assert normalised(number) == number
    typed = number.lower().replace("-", " ")
    assert normalised(typed) == number
    first, digits, check = number[: len(prefix) + 1], number[len(prefix) + 1 : -2], number[-1]
    assert normalised(f"{first}{digits.replace('0', 'o').replace('1', 'l')}-{check}") == number
    at = place % len(digits)
    if digits[at] not in (other, "-"):
        assert normalised(f"{first}{digits[:at]}{other}{digits[at + 1 :]}-{check}") is None


def test_what_is_no_scheme_is_refused() -> None:
    for prefix in ("A", "ABCDEFGHJ", "AO", "ab", "A1", "粤安", "A-B"):
        with pytest.raises(InvalidInput, match="前缀"):
            scheme(prefix)
    for width in (3, 9):
        with pytest.raises(InvalidInput, match="位数"):
            scheme(width=width)


def test_papers_are_numbered_without_a_gap_from_the_day_on_which_the_scheme_begins(house: House) -> None:
    set_up(house, scheme("AXPX", 4, TODAY), scheme("AXZM", 6, TOMORROW))
    with house.uow.for_institution(INSTITUTION) as tx:
        assert [drawn(tx)[:-2] for _ in range(2)] == ["AXPX-2026-0001", "AXPX-2026-0002"]
        numbers = SqlPaperNumbers(tx)
        assert numbers.next("440100", TODAY) == numbers.next("440100", TODAY)
        assert drawn(tx)[:-2] == "AXPX-2026-0003"
        assert drawn(tx, TOMORROW)[:-2] == "AXZM-2026-000001"
        assert drawn(tx, date(2027, 1, 1))[:-2] == "AXZM-2027-000001"
        assert numbers.next("440100", TODAY - timedelta(days=1)).startswith("440100-2026-")


def test_a_paper_that_is_not_issued_leaves_no_gap(house: House) -> None:
    set_up(house, scheme())
    with house.open() as completion:
        completion.decide_test(score())
    with pytest.raises(RuntimeError, match="dies"):
        _issue_and_die(house)
    with house.open() as completion:
        first = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
        second = completion.issue(LEARNER, RUN, PaperKind.COMPLETION_STATEMENT).value
        assert first is not None
        assert second is not None
        assert [running_of(one.number) for one in (first, second)] == [1, 2]
        assert completion.public_view(first.number.lower()) is not None


def _issue_and_die(house: House) -> None:
    with house.open() as completion:
        assert completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value is not None
        raise RuntimeError("the unit of work dies")


def test_a_name_that_cannot_be_printed_leaves_no_gap_in_a_batch(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(house, scheme())

    def refuses(_self: PlainPrinter, _paper: Paper, _template: str | None = None) -> bytes:
        raise InvalidInput("glyph_missing", "U+323AF")

    with house.open() as completion:
        completion.decide_test(score())
        with monkeypatch.context() as patched:
            patched.setattr(PlainPrinter, "print_paper", refuses)
            with pytest.raises(InvalidInput, match="U\\+323AF"):
                completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE)
        paper = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
        assert paper is not None
        assert running_of(paper.number) == 1


def test_a_prefix_belongs_to_one_institution_for_ever(house: House) -> None:
    set_up(house, scheme())
    with pytest.raises(InvalidInput) as refused:
        set_up(house, scheme(), institution=OTHER)
    assert refused.value.reason == "paper_prefix_taken"
    set_up(house, scheme("AXZM", first=TOMORROW))
    with pytest.raises(InvalidInput):
        set_up(house, scheme(), institution=OTHER)
    set_up(house, scheme("QTJG"), institution=OTHER)


def test_a_version_that_numbered_papers_stays_and_the_past_is_not_written(house: House) -> None:
    set_up(house, scheme("AXPX"))
    set_up(house, scheme("AXPX", 8))
    with house.uow.for_institution(INSTITUTION) as tx:
        assert drawn(tx)[:-2] == "AXPX-2026-00000001"
    with pytest.raises(InvalidInput) as used:
        set_up(house, scheme("AXZM"))
    assert used.value.reason == "paper_scheme_used"
    with pytest.raises(InvalidInput) as past:
        set_up(house, scheme("AXZM", first=TODAY - timedelta(days=1)))
    assert past.value.reason == "paper_scheme_past"
    set_up(house, scheme("", first=TOMORROW))
    with house.uow.for_institution(INSTITUTION) as tx:
        assert SqlPaperNumbers(tx).next("440100", TOMORROW).startswith("440100-2026-")


def test_papers_that_were_taken_over_count_on(house: House) -> None:
    with house.uow.for_institution(INSTITUTION) as tx:
        store = house.service(tx)._store
        store.add_paper(replace(issued(), number=scheme().number(2026, 41)))
    set_up(house, scheme())
    with house.uow.for_institution(INSTITUTION) as tx:
        numbers = SqlPaperNumbers(tx)
        assert numbers.preview(scheme(), "440100", TODAY)[:-2] == "AXPX-2026-000042"
        assert drawn(tx)[:-2] == "AXPX-2026-000042"
