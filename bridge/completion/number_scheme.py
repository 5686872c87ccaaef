"""An institution's own scheme of paper numbers: `AXPX-2026-000123-K`. Practice; the law's known text gives none. Pure.

Letters that one institution alone has, the year of issue, a running number that begins at 1 each year, and a check
character (ISO/IEC 7064, MOD 37,36), so that a slip of the pen is told from a forgery. Running numbers can be counted
through by anybody; what shows a paper is its verify code, which has 40 bits of chance.
"""

import re
from dataclasses import dataclass
from datetime import date

from bridge.kernel.errors import InvalidInput

LEAST_WIDTH, MOST_WIDTH = 4, 8
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PREFIX = re.compile(r"[A-HJKMNP-Z]{2,8}")
_SHAPE = re.compile(r"([A-HJKMNP-Z]{2,8})([0-9OIL]{4})([0-9OIL]{4,8})([0-9A-Z])")
_LOOKALIKES = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class NumberScheme:
    """How an institution's papers are numbered from a day on.

    Args:
        prefix: two to eight letters A to Z without I, L and O, which are read as digits; "" to have the bridge's own
            numbers, which bear chance instead.
        width: digits of the running number at least; it grows by itself where they do not suffice.
        valid_from: the first legal day.
    """

    prefix: str
    width: int
    valid_from: date

    def __post_init__(self) -> None:
        """Raise InvalidInput for what is no scheme."""
        if self.prefix and _PREFIX.fullmatch(self.prefix) is None:
            raise InvalidInput("paper_prefix_malformed", "编号前缀须是 2 到 8 个大写字母,不用 I、L、O。")
        if not LEAST_WIDTH <= self.width <= MOST_WIDTH:
            raise InvalidInput("paper_number_width", f"流水号位数须在 {LEAST_WIDTH} 到 {MOST_WIDTH} 之间。")

    def number(self, year: int, running: int) -> str:
        """Return the number of the paper that is the `running`-th of its year."""
        return spelled(self.prefix, f"{year:04d}", f"{running:0{self.width}d}")


def spelled(prefix: str, year: str, running: str) -> str:
    """Return the number of these parts."""
    return f"{prefix}-{year}-{running}-{_check_character(prefix + year + running)}"


def running_of(number: str) -> int | None:
    """Return the running number that a number of some scheme bears; None for other numbers."""
    found = normalised_scheme_number(number)
    return None if found is None else int(found.split("-")[2])


def normalised_scheme_number(text: str) -> str | None:
    """Return the number that `text` spells (case, hyphens, blanks forgiven; O, I, L among digits), or None."""
    found = _SHAPE.fullmatch("".join(text.split()).upper().replace("-", ""))
    if found is None:
        return None
    prefix, year, running, check = found.groups()
    number = spelled(prefix, year.translate(_LOOKALIKES), running.translate(_LOOKALIKES))
    # Of the check character nothing is forgiven: 1, I and L are three of them, and a wrong digit would pass.
    return number if number[-1] == check else None


def _check_character(text: str) -> str:
    product = 36
    for character in text:
        total = (product + _ALPHABET.index(character)) % 36 or 36
        product = total * 2 % 37
    return _ALPHABET[(37 - product) % 36]
