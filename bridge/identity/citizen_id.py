"""Citizen identity numbers (公民身份号码), GB 11643: area, birth date, sequence, check character."""

import unicodedata
from dataclasses import dataclass, field
from datetime import date

from bridge.kernel.errors import InvalidInput

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_FIRST_YEAR = 1900
# First two digits of GB/T 2260; 81, 82, 83 are residence permits of Hong Kong, Macau and Taiwan people.
_AREAS = frozenset(
    {
        *range(11, 16),
        *range(21, 24),
        *range(31, 38),
        *range(41, 47),
        *range(50, 55),
        *range(61, 66),
        71,
        81,
        82,
        83,
    }
)
_FOREIGNER = "9"
"""First digit of the permanent residence card of 2023, which has the same check character."""


@dataclass(frozen=True, slots=True)
class CitizenId:
    """A number that is well formed.

    Args:
        area_known: False is only a warning: old cards keep codes that were abolished since.
    """

    number: str = field(repr=False)
    area_known: bool


def check_citizen_id(text: str, today: date) -> CitizenId:
    """Return the number in its plain form: 18 characters, half-width, capital X, no spaces.

    Args:
        today: the legal day; nobody is born after it.

    Raises:
        InvalidInput: citizen_id_malformed (length, characters, birth date), citizen_id_check_digit.
    """
    number = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if len(number) != 18 or not number.isascii() or not number[:17].isdigit() or number[17] not in _CHECK:
        raise InvalidInput("citizen_id_malformed", "身份证号码应为 18 位,最后一位是数字或 X,请核对后重填。")
    if number[17] != check_character(number[:17]):
        raise InvalidInput("citizen_id_check_digit", "身份证号码的校验位不对,可能输错了一位,请对照证件重填。")
    # Where a foreigner's card of 2023 keeps the birth date is in no source that we could read.
    if not number.startswith(_FOREIGNER) and not _is_birth_date(number[6:14], today):
        raise InvalidInput("citizen_id_malformed", "身份证号码中的出生日期不存在,请对照证件重填。")
    return CitizenId(number, number.startswith(_FOREIGNER) or int(number[:2]) in _AREAS)


def check_character(body: str) -> str:
    """Return the check character of the 17 digits `body` (ISO/IEC 7064, MOD 11-2)."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def _is_birth_date(digits: str, today: date) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return born.year >= _FIRST_YEAR and born <= today
