"""Tables and photographs out of the files that institutions upload, in memory alone: nothing is written anywhere.

A file is a stranger's: its size, rows, columns and unpacked bytes are bounded before they are read, XML may neither
declare entities nor name what lies outside, and no formula is ever computed.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import ParseError  # the exception alone; openpyxl parses with defusedxml

from bridge.kernel.errors import InvalidInput

MAX_LIST_BYTES = 5 * 1024 * 1024
MAX_PHOTOS_BYTES = 60 * 1024 * 1024
MAX_PHOTO_BYTES = 2 * 1024 * 1024
MAX_ROWS = 5000
_MAX_COLUMNS = 60
_MAX_CELL = 400
_MAX_UNPACKED = 64 * 1024 * 1024
_MAX_PHOTOS = 5000
_MAX_PARTS = 500

LOST_DIGITS = "\x00lost digits"
"""In place of a number that Excel keeps in floating point: beyond 15 digits the last ones are gone."""

_EXACT = 10**15
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+\d\d")
_EXCEL_TEXT = re.compile(r'="(.*)"')
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_PHOTO_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}

Grid = Sequence[Sequence[str]]


def read_grid(content: bytes) -> Grid:
    """Return the cells of the first visible sheet of an .xlsx file, or of a CSV file, as text, row by row.

    CSV: UTF-8 with or without a mark, GB 18030 or UTF-16; comma, semicolon or tab.

    Raises:
        InvalidInput: list_too_large, list_old_excel, list_unreadable, list_too_many_rows, list_empty.
    """
    if len(content) > MAX_LIST_BYTES:
        raise InvalidInput("list_too_large", "名单文件不能超过 5 MB,请分成几个文件导入。", http_status=413)
    if content.startswith(_OLD_EXCEL):
        raise InvalidInput(
            "list_old_excel",
            "这是旧版 Excel(.xls)或加了密码的文件,请在 Excel 中去掉密码并另存为 .xlsx 后重新上传。",
            http_status=415,
        )
    found = _xlsx(content) if content.startswith(_ZIP) else _csv(content)
    if not found:
        raise InvalidInput("list_empty", "名单里没有内容,请核对是否选错了文件。", http_status=422)
    return found


def media_type_of(photo: bytes) -> str | None:
    """Return what kind of photograph it is; None if it is none that is taken, or larger than 2 MB."""
    if len(photo) > MAX_PHOTO_BYTES:
        return None
    return next((kind for magic, kind in _PHOTO_TYPES.items() if photo.startswith(magic)), None)


class Photos:
    """The photographs of a ZIP file by file name, read one by one when they are asked for.

    Raises:
        InvalidInput: photos_too_large, photos_unreadable.
    """

    def __init__(self, content: bytes = b"") -> None:
        self.given = bool(content)
        self._zip = _opened(content, "photos", MAX_PHOTOS_BYTES) if content else None
        self._by_name: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self._zip.infolist() if self._zip else ():
            name = PurePosixPath(_name(info).replace("\\", "/")).name
            if not info.is_dir() and not name.startswith("."):
                for key in {name.casefold(), PurePosixPath(name).stem.casefold()}:
                    self._by_name.setdefault(key, []).append(info)

    def find(self, name: str) -> bytes | None:
        """Return the photograph called `name`, with or without its ending; None if there is none, or several."""
        found = self._by_name.get(name.strip().casefold(), [])
        if len(found) != 1 or self._zip is None or found[0].file_size > MAX_PHOTO_BYTES:
            return None
        try:
            return self._zip.read(found[0])
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
            return None


def pack_photos(pictures: Mapping[int, bytes]) -> bytes:
    """Return a ZIP of photographs, each called by its row's line: what `Photos` reads again."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as packed:
        for line, picture in pictures.items():
            packed.writestr(f"{line}", picture)
    return made.getvalue()


def _opened(content: bytes, what: str, most: int) -> zipfile.ZipFile:
    """Return the archive if what it unpacks to is bounded; no part is longer than it declares."""
    unreadable = InvalidInput(f"{what}_unreadable", "文件打不开,可能已损坏或加了密码,请重新保存后再上传。")
    try:
        opened = zipfile.ZipFile(io.BytesIO(content))
        parts = opened.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise unreadable from error
    if any(info.flag_bits & 1 for info in parts):
        raise unreadable
    if (
        len(content) > most
        or len(parts) > _MAX_PHOTOS
        or sum(info.file_size for info in parts) > _MAX_UNPACKED
    ):
        raise InvalidInput(
            f"{what}_too_large",
            "文件解开后太大。名单不超过 5 MB、5000 行;照片压缩包不超过 60 MB,可分几次导入。",
            http_status=413,
        )
    return opened


def _name(info: zipfile.ZipInfo) -> str:
    # Chinese Windows writes names in its own code page without saying so; Python then reads them as code page 437.
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _xlsx(content: bytes) -> Grid:
    from openpyxl import load_workbook  # a quarter of a second, for who imports a list alone
    from openpyxl.utils.exceptions import InvalidFileException

    with _opened(content, "list", MAX_LIST_BYTES) as packed:
        _require_plain_xml(packed)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        rows: list[list[str]] = []
        for sheet in shown[:1]:
            sheet.reset_dimensions()  # a sheet may claim to be larger, or smaller, than it is
            for row in sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True):
                _take(rows, [_cell(value) for value in row])
    except (InvalidFileException, KeyError, ValueError, TypeError, AttributeError, IndexError, ParseError, SyntaxError,
            zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:  # fmt: skip
        # What openpyxl makes of a broken file is any of these; its text may quote cells, so it is not repeated.
        if isinstance(error, InvalidInput):
            raise
        raise _unreadable() from None
    return rows


def _require_plain_xml(packed: zipfile.ZipFile) -> None:
    """Refuse a workbook in which any part declares a document type: Excel writes none, and bombs need one."""
    parts = packed.infolist()
    if len(parts) > _MAX_PARTS:
        raise _unreadable()
    for info in parts:
        if info.filename.endswith((".xml", ".rels")):
            try:
                head = packed.read(info)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
                raise _unreadable() from error
            if b"<!DOCTYPE" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise _unreadable()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        if abs(value) >= _EXACT:
            return LOST_DIGITS
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return _text(str(value))


def _csv(content: bytes) -> Grid:
    text = _decoded(content)
    head = text[:4096].splitlines()[:5]
    delimiter = max(",;\t", key=lambda mark: sum(line.count(mark) for line in head))
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            _take(rows, [_text(cell) for cell in row[:_MAX_COLUMNS]])
    except csv.Error as error:
        raise _unreadable() from error
    return rows


def _decoded(content: bytes) -> str:
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _unreadable()


def _text(cell: str) -> str:
    plain = cell.strip()
    quoted = _EXCEL_TEXT.fullmatch(plain)
    plain = quoted[1] if quoted else plain.removeprefix("'")
    if _SCIENTIFIC.fullmatch(plain):
        return LOST_DIGITS
    return _CONTROL.sub("", " ".join(plain.split()))[:_MAX_CELL]


def _take(rows: list[list[str]], row: list[str]) -> None:
    while row and not row[-1]:
        row.pop()
    if len(rows) >= MAX_ROWS + 10:
        if any(row):
            raise InvalidInput(
                "list_too_many_rows", f"名单超过 {MAX_ROWS} 行,请分成几个文件导入。", http_status=422
            )
        return
    rows.append(row)


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "list_unreadable",
        "名单打不开。请上传 .xlsx 或 .csv 文件,并确认文件没有损坏、没有密码。",
        http_status=415,
    )
