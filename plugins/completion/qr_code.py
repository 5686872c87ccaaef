"""QR codes of many texts of one length, fast: every module is an affine function of the text's bits over GF(2).

Mode, version, level and mask are fixed for a length, and Reed-Solomon is linear (ISO/IEC 18004). So the symbol of a
text is that of a text of equal length, exclusive-or'd with what each differing bit changes, and segno need draw each
bit's change once. It takes segno as long to draw one symbol as it takes typst to set half a page.
"""

from functools import lru_cache

import segno

_MASK = 3
"""Fixed: every reader reads each mask, and trying all eight takes eight times as long."""
_FILL = "a"


class _Length:
    """The symbols of all texts of one length."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._base, self.size = _drawn(_FILL * length)
        self._changes: dict[tuple[int, int], int] = {}

    def symbol(self, text: str) -> int:
        made = self._base
        for place, character in enumerate(text):
            differing = ord(character) ^ ord(_FILL)
            while differing:
                bit = differing & -differing
                made ^= self._change(place, bit)
                differing ^= bit
        return made

    def _change(self, place: int, bit: int) -> int:
        known = self._changes.get((place, bit))
        if known is None:
            other = _FILL * place + chr(ord(_FILL) ^ bit) + _FILL * (self._length - place - 1)
            known = self._changes[place, bit] = _drawn(other)[0] ^ self._base
        return known


@lru_cache(maxsize=8)
def _length(length: int) -> _Length:
    return _Length(length)


def _drawn(text: str) -> tuple[int, int]:
    """Return a symbol as one number, a byte for each module, and its width."""
    rows = segno.make(text, error="m", micro=False, mask=_MASK, mode="byte", encoding="iso-8859-1").matrix
    return int.from_bytes(b"".join(bytes(row) for row in rows), "big"), len(rows)


def modules(text: str) -> tuple[bytes, ...]:
    """Return the rows of the symbol (level M or better) that holds `text`, a byte 0 or 1 for each module.

    Raises:
        ValueError: a character outside of ASCII.
    """
    if not text.isascii():
        raise ValueError("an address is ASCII")
    length = _length(len(text))
    size = length.size
    flat = length.symbol(text).to_bytes(size * size, "big")
    return tuple(flat[at : at + size] for at in range(0, size * size, size))


def qr_svg(address: str) -> str:
    """Return an SVG of the QR code that holds `address`: one path of runs."""
    rows = modules(address)
    size = len(rows)
    runs: list[str] = []
    for y, line in enumerate(rows):
        x = line.find(1)
        while x >= 0:
            end = line.find(0, x)
            end = size if end < 0 else end
            runs.append(f"M{x} {y}H{end}v1H{x}z")
            x = line.find(1, end)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}">'
        f'<path fill="#1d2b3a" d="{"".join(runs)}"/></svg>'
    )
