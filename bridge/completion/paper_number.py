"""Numbers of papers: who looks one up must hold the paper. Practice; no law gives a scheme.

An institution may have a scheme of its own (`number_scheme`). Where it has none:

`440100-2026-5K7Q2-XW9DT-3H8MC-R`: the city's division code, the year of issue, 75 bits of chance in
Crockford's alphabet, one check character (Luhn mod 32), so that a slip of the pen is told from a forgery.
"""

import re
import secrets

from bridge.completion.number_scheme import normalised_scheme_number

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHANCE = 15
_CODE = 8
_SHAPE = re.compile(r"(\d{6})-?(\d{4})-?([0-9A-Z]{5})-?([0-9A-Z]{5})-?([0-9A-Z]{5})-?([0-9A-Z])")
_LOOKALIKES = str.maketrans("OIL", "011")


def new_number(division_code: str, year: int) -> str:
    """Return a fresh number for a paper of the city `division_code` (GB/T 2260, six digits)."""
    chance = "".join(secrets.choice(_ALPHABET) for _ in range(_CHANCE))
    return _joined(division_code, str(year), chance)


def new_verify_code() -> str:
    """Return eight characters (40 bits) that a paper bears beside its number."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CODE))


def normalised(text: str) -> str | None:
    """Return the number that `text` spells (case, hyphens, blanks, O/I/L forgiven), or None."""
    found = _SHAPE.fullmatch("".join(text.split()).upper())
    if found is None:
        return normalised_scheme_number(text)
    division_code, year, *groups, check = found.groups()
    chance = "".join(groups).translate(_LOOKALIKES)
    if not set(chance) <= set(_ALPHABET):
        return None
    number = _joined(division_code, year, chance)
    return number if number[-1] == check.translate(_LOOKALIKES) else None


def normalised_code(text: str) -> str | None:
    """Return the verify code that `text` spells, forgiven as in `normalised`; None if it cannot be one."""
    code = "".join(text.split()).upper().replace("-", "").translate(_LOOKALIKES)
    return code if len(code) == _CODE and set(code) <= set(_ALPHABET) else None


def _joined(division_code: str, year: str, chance: str) -> str:
    check = _check_character(division_code + year + chance)
    return f"{division_code}-{year}-{chance[:5]}-{chance[5:10]}-{chance[10:]}-{check}"


def _check_character(text: str) -> str:
    base, factor, total = len(_ALPHABET), 2, 0
    for character in reversed(text):
        addend = factor * _ALPHABET.index(character)
        total += addend // base + addend % base
        factor = 3 - factor
    return _ALPHABET[-total % base]
