"""Which documents a learner may be enrolled with; every number here is made up, with a right check character."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.citizen_id import check_character
from bridge.identity.documents import CITATIONS, KINDS_ZH, read_document
from bridge.identity.model import DOCUMENTS_ZH, DocumentKind, document_of, mask_citizen_id, number_label
from bridge.kernel.citation import Basis
from bridge.kernel.errors import InvalidInput
from tests.attacks.doors.people import Person

TODAY = date(2026, 11, 23)
_BORN = st.dates(date(1900, 1, 1), TODAY).map(lambda day: f"{day:%Y%m%d}")
_SEQUENCE = st.integers(0, 999).map("{:03d}".format)


def checked(body: str) -> str:
    return body + check_character(body)


def numbers(areas: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda *parts: checked("".join(parts)), areas, _BORN, _SEQUENCE)


RESIDENTS = numbers(st.integers(110000, 659999).map(str))
HK_MACAU = numbers(st.sampled_from(["810000", "820000"]))
TAIWAN = numbers(st.just("830000"))
CARDS_2023 = st.integers(0, 10**16 - 1).map(lambda rest: checked(f"9{rest:016d}"))
CARDS_2017 = st.from_regex(r"[A-Z]{3}[0-9]{12}", fullmatch=True)
PASSPORTS = st.from_regex(r"[A-Z][A-Z0-9]{3,7}[0-9]", fullmatch=True)
OF_KIND = (
    (RESIDENTS, DocumentKind.RESIDENT_CARD),
    (HK_MACAU, DocumentKind.HK_MACAU_PERMIT),
    (TAIWAN, DocumentKind.TAIWAN_PERMIT),
    (CARDS_2023, DocumentKind.PERMANENT_RESIDENT_2023),
    (CARDS_2017, DocumentKind.PERMANENT_RESIDENT_2017),
    (PASSPORTS, DocumentKind.PASSPORT),
)
ANY = st.one_of([st.tuples(each, st.just(kind)) for each, kind in OF_KIND])


def reason(text: str, stated: str = "") -> str:
    with pytest.raises(InvalidInput) as refused:
        read_document(text, TODAY, stated)
    assert len(text) < 5 or text not in str(refused.value)
    return refused.value.reason


@given(ANY)
def test_the_number_alone_says_which_document_it_belongs_to(made: tuple[str, DocumentKind]) -> None:
    number, kind = made
    found = read_document(number, TODAY)
    assert (found.number, found.kind, document_of(found.number)) == (number, kind, kind)


@given(ANY)
def test_the_plain_form_is_read_as_itself_from_other_writings(made: tuple[str, DocumentKind]) -> None:
    number, _ = made
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    for written in (f" {number[:4]} {number[4:]} ", wide, number.lower(), f"{number[:6]}-{number[6:]}"):
        assert read_document(written, TODAY).number == number


@given(st.one_of(RESIDENTS, HK_MACAU, TAIWAN, CARDS_2023), st.integers(1, 16), st.integers(1, 9))
def test_one_wrong_digit_of_a_checked_number_is_found(number: str, position: int, shift: int) -> None:
    wrong = number[:position] + str((int(number[position]) + shift) % 10) + number[position + 1 :]
    assert reason(wrong) == "citizen_id_check_digit"


@given(st.one_of(CARDS_2017, PASSPORTS))
def test_what_has_no_check_says_so_and_cites_practice(number: str) -> None:
    found = read_document(number, TODAY)
    assert found.form_only
    assert CITATIONS[found.kind].basis is Basis.PRACTICE


@given(ANY)
def test_a_passport_alone_must_be_seen_by_staff(made: tuple[str, DocumentKind]) -> None:
    assert read_document(made[0], TODAY).needs_staff == (made[1] is DocumentKind.PASSPORT)


@pytest.mark.parametrize("area", ["810000", "820000", "830000"])
def test_permits_have_the_area_codes_of_their_regions(area: str) -> None:
    assert read_document(checked(f"{area}19900307121"), TODAY).area_known


@pytest.mark.parametrize("area", ["180000", "810101", "834400"])
def test_an_unknown_area_code_is_a_warning_and_no_refusal(area: str) -> None:
    found = read_document(checked(f"{area}19900307121"), TODAY)
    assert not found.area_known


def test_nobody_is_born_tomorrow_on_a_permit_either() -> None:
    tomorrow = f"{TODAY + timedelta(days=1):%Y%m%d}"
    assert reason(checked(f"810000{tomorrow}121")) == "citizen_id_malformed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "440199199003",
        "AB123456789012",
        "ABC12345678901",
        "ABC1234567890123",
        "甲乙123456",
        "ABCDEFG",
    ],
)
def test_what_is_no_number_of_any_document_is_malformed(text: str) -> None:
    assert reason(text) == "citizen_id_malformed"


def test_nine_digits_are_a_passport_only_where_the_list_says_so() -> None:
    assert reason("440199199") == "citizen_id_malformed"
    assert read_document("440199199", TODAY, "护照").kind is DocumentKind.PASSPORT


@pytest.mark.parametrize("text", ["", "E123", "E1234567890", "ABCDEFG", "440199199003071219"])
def test_what_is_stated_to_be_a_passport_must_look_like_one(text: str) -> None:
    assert reason(text, "护照") == "passport_malformed"


@pytest.mark.parametrize("stated", ["身份证", " 居民身份证 ", "二代身份证", "第二代身份证"])
def test_usual_names_of_the_resident_card_are_understood(stated: str) -> None:
    assert read_document(Person(1).citizen_id, TODAY, stated).kind is DocumentKind.RESIDENT_CARD


@pytest.mark.parametrize("stated", [*KINDS_ZH, *DOCUMENTS_ZH.values()])
def test_each_kind_by_its_own_name_takes_some_number(stated: str) -> None:
    made = ["440199199003071219", "ABC123456789012", "E12345678"]
    made += [checked(f"{area}19900307121") for area in ("810000", "830000")] + [checked("91115699001307121")]
    taken = [number for number in made if _read(number, stated)]
    assert len(taken) == (2 if stated == "外国人永久居留身份证" or stated.startswith("外国人") else 1)


def _read(number: str, stated: str) -> bool:
    try:
        read_document(number, TODAY, stated)
    except InvalidInput as refused:
        assert refused.reason in ("document_kind_mismatch", "passport_malformed")  # noqa: PT017  # counts both ends
        return False
    return True


@pytest.mark.parametrize("stated", ["军官证", "港澳通行证", "台胞证", "x"])
def test_another_document_is_refused_by_name(stated: str) -> None:
    assert reason("E12345678", stated) == "document_kind_unknown"


@given(ANY)
def test_a_mask_shows_less_than_half_of_a_number(made: tuple[str, DocumentKind]) -> None:
    masked = mask_citizen_id(made[0])
    assert len(masked) == len(made[0])
    assert masked.count("*") >= min(len(made[0]) - 3, 8)


def test_numbers_are_called_what_they_are() -> None:
    assert number_label("440199199003071219") == "公民身份号码"
    assert number_label("E12345678") == "证件号码(护照)"
