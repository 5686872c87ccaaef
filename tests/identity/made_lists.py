"""Enrolment lists as institutions send them, made at run time; people from the shared list of made-up people."""

import io
import zipfile
from collections.abc import Mapping, Sequence

from openpyxl import Workbook

from tests.attacks.doors.people import Person

HEADING = ("姓名", "证件类型", "证件号码", "单位", "工种", "照片")
JPEG = b"\xff\xd8\xff\xe0 not a photograph, but it begins like one"


def row_of(person: Person, employer: str = "广州示例机电有限公司", trade: str = "低压电工作业") -> list[str]:
    return [person.name, "居民身份证", person.citizen_id, employer, trade, f"{person.number}.jpg"]


def csv_of(rows: Sequence[Sequence[str]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    return "\r\n".join(delimiter.join(row) for row in rows).encode(encoding)


def xlsx_of(rows: Sequence[Sequence[object]]) -> bytes:
    """Return a workbook as Excel would write it: cells keep the type of their value."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return made.getvalue()


def with_part(workbook: bytes, name: str, content: bytes) -> bytes:
    """Return the workbook with one of its parts replaced."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as packed:
        parts = {info.filename: packed.read(info) for info in packed.infolist()}
    return zip_of({**parts, name: content})
