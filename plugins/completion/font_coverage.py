"""Which characters a font has a glyph for, read from its `cmap` table (OpenType 1.9, formats 4 and 12)."""

import struct
from functools import lru_cache
from pathlib import Path

_FULL = ((3, 10), (0, 6), (0, 4))
_BASIC = ((3, 1), (0, 3))


class FontUnreadable(ValueError):
    """The file is no OpenType font with a Unicode `cmap` of format 4 or 12."""


@lru_cache(maxsize=8)
def covered(path: Path) -> frozenset[int]:
    """Return the code points for which the font at `path` has a glyph other than .notdef.

    Raises:
        FontUnreadable: see there.
        OSError: no such file.
    """
    content = path.read_bytes()
    try:
        start = _cmap(content)
        tables = {
            struct.unpack_from(">HH", content, start + 4 + 8 * i): start
            + int(struct.unpack_from(">I", content, start + 8 + 8 * i)[0])
            for i in range(struct.unpack_from(">H", content, start + 2)[0])
        }
        for key in (*_FULL, *_BASIC):
            if key in tables:
                return frozenset(_code_points(content, tables[key]))
    except struct.error as error:
        raise FontUnreadable(path.name) from error
    raise FontUnreadable(path.name)


def _cmap(content: bytes) -> int:
    for index in range(struct.unpack_from(">H", content, 4)[0]):
        tag, _checksum, offset, _length = struct.unpack_from(">4sIII", content, 12 + 16 * index)
        if tag == b"cmap":
            return int(offset)
    raise FontUnreadable("cmap")


def _code_points(content: bytes, at: int) -> set[int]:
    table_format = struct.unpack_from(">H", content, at)[0]
    if table_format == 12:
        return _segmented_coverage(content, at)
    if table_format == 4:
        return _segment_mapping(content, at)
    raise FontUnreadable(f"cmap format {table_format}")


def _segmented_coverage(content: bytes, at: int) -> set[int]:
    found: set[int] = set()
    for group in range(struct.unpack_from(">I", content, at + 12)[0]):
        first, last, glyph = struct.unpack_from(">III", content, at + 16 + 12 * group)
        found.update(range(first + (1 if glyph == 0 else 0), last + 1))
    return found


def _segment_mapping(content: bytes, at: int) -> set[int]:
    doubled = struct.unpack_from(">H", content, at + 6)[0]
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", content, at + 14)
    starts = struct.unpack_from(f">{count}H", content, at + 16 + doubled)
    deltas = struct.unpack_from(f">{count}H", content, at + 16 + 2 * doubled)
    ranges_at = at + 16 + 3 * doubled
    ranges = struct.unpack_from(f">{count}H", content, ranges_at)
    found: set[int] = set()
    for index, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, ranges, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offset:
                place = ranges_at + 2 * index + offset + 2 * (code - first)
                glyph = struct.unpack_from(">H", content, place)[0]
                if glyph == 0:
                    continue
            if (glyph + delta) & 0xFFFF:
                found.add(code)
    return found
