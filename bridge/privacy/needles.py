"""A string that is looked for, in the forms in which systems write it down. Pure.

A telephone number may lie there with spaces or dashes, in full-width digits, escaped as JSON does it, in base64 at any
of three offsets. What is found is named by its line in the list of strings: no report repeats what must not be known.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bridge.kernel.errors import InvalidInput

LONGEST = 200
"""Characters of a string that is looked for."""
MOST = 10_000
"""How many strings one search takes."""
_SHORTEST_BYTES = 5
"""In UTF-8. Shorter ones, and shorter forms, stand in random bytes by chance: two Chinese characters have six."""
_DIGITS = re.compile(r"[+(]?[0-9][0-9 ().-]*[0-9]")
_FEWEST_DIGITS = 7
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[ \u00a0().–—-]+(?=[0-9])")


@dataclass(frozen=True, slots=True)
class Needle:
    """One string.

    Args:
        line: where it stands in the list, from 1.
        encoded: as bytes, by the name of the form.
        plain: as normalised text (NFKC, case folded).
        digits: its digits alone where it is a number such as a telephone's, else "".
    """

    line: int
    encoded: tuple[tuple[str, bytes], ...]
    plain: str
    digits: str


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """That a needle stands somewhere: its line in the list, and the form in which it does."""

    line: int
    form: str


def read_needles(lines: Iterable[str]) -> list[Needle]:
    """Return the strings of a list, one a line; empty lines are left out.

    Raises:
        InvalidInput: privacy_strings: none, too many, one too short or too long.
    """
    needles = []
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("\ufeff")
        if not text:
            continue
        if len(text.encode()) < _SHORTEST_BYTES or len(text) > LONGEST:
            raise InvalidInput(
                "privacy_strings",
                f"第 {number} 行须有 2 个汉字(或 5 个字母、数字)以上,最多 {LONGEST} 个字符。",
            )
        needles.append(_needle(number, text))
    if not 0 < len(needles) <= MOST:
        raise InvalidInput("privacy_strings", f"请给出 1–{MOST} 个要查找的字符串,每行一个。")
    return needles


def _needle(line: int, text: str) -> Needle:
    plain = normalised(text)
    raw = text.encode()
    forms = {
        "utf-8": raw,
        "utf-16": text.encode("utf-16-le"),
        "gb18030": text.encode("gb18030"),
        "json": json.dumps(text)[1:-1].encode(),
        "percent": quote(text, safe="").encode(),
        "hex": raw.hex().encode(),
    }
    for offset in range(3):
        # What stands before shifts the letters; those that depend on neighbours are cut off.
        letters = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")
        inner = letters[(0, 2, 3)[offset] : len(letters) - (1 if (offset + len(raw)) % 3 else 0)]
        forms[f"base64+{offset}"] = inner
        forms[f"base64url+{offset}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    different: dict[bytes, str] = {}
    for name, form in forms.items():
        if len(form) >= _SHORTEST_BYTES:
            different.setdefault(form, name)
    number = _DIGITS.fullmatch(plain)
    digits = re.sub(r"[^0-9]", "", plain) if number else ""
    return Needle(
        line,
        tuple((name, form) for form, name in different.items()),
        plain,
        digits if len(digits) >= _FEWEST_DIGITS else "",
    )


def normalised(text: str) -> str:
    """Return text in which full-width, compatibility and capital letters are no disguise."""
    return unicodedata.normalize("NFKC", text).casefold()


def find(content: bytes, needles: Sequence[Needle]) -> Iterator[Found]:
    """Yield which needles stand in `content`, each once, in the first form in which it does."""
    text = normalised(content.decode(errors="replace"))
    closed = _BETWEEN_DIGITS.sub("", text)
    for needle in needles:
        form = next((name for name, form in needle.encoded if form in content), None)
        if form is None and needle.plain in text:
            form = "normalised"
        if form is None and needle.digits and needle.digits in closed:
            form = "digits"
        if form is not None:
            yield Found(needle.line, form)
