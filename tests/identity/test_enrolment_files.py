"""What is read from files of strangers, and what is refused before it is read."""

import io
import struct
import zipfile

import openpyxl
import pytest

from bridge.identity.enrolment_files import (
    LOST_DIGITS,
    MAX_LIST_BYTES,
    MAX_ROWS,
    Photos,
    media_type_of,
    read_grid,
)
from bridge.kernel.errors import InvalidInput
from bridge.kernel.workbook import headed, workbook
from tests.attacks.doors.people import Person
from tests.identity.made_lists import HEADING, JPEG, csv_of, row_of, with_part, xlsx_of, zip_of

LIST = [HEADING, row_of(Person(1)), row_of(Person(2))]
AS_READ = [list(row) for row in LIST]
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8))
    + b']><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c t="inlineStr"><is><t>&i;</t></is></c></row></sheetData></worksheet>'
)


def reason(content: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_grid(content)
    return refused.value.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file_is_read_in_each_usual_writing(encoding: str, delimiter: str) -> None:
    assert read_grid(csv_of(LIST, encoding, delimiter)) == AS_READ


def test_rare_characters_survive_gb18030() -> None:
    rows = [HEADING, ["龘𠮷", *row_of(Person(1))[1:]]]
    assert read_grid(csv_of(rows, "gb18030"))[1][0] == "龘𠮷"


def test_an_excel_file_is_read_like_the_csv_file() -> None:
    assert read_grid(xlsx_of(LIST)) == AS_READ


def test_only_the_first_visible_sheet_is_read() -> None:
    book = openpyxl.Workbook()
    hidden, shown = book.active, book.create_sheet("名单")
    assert hidden is not None
    hidden.append(["hidden"])
    hidden.sheet_state = "hidden"
    shown.append(["shown"])
    made = io.BytesIO()
    book.save(made)
    assert read_grid(made.getvalue()) == [["shown"]]


@pytest.mark.parametrize("cell", ["440199199003071219", "'440199199003071219", '="440199199003071219"'])
def test_what_excel_writes_around_a_number_in_csv_is_taken_off(cell: str) -> None:
    assert read_grid(f"证件号码\n{cell}\n".encode())[1] == ["440199199003071219"]


@pytest.mark.parametrize(
    "content",
    [xlsx_of([["证件号码"], [440199199003071219]]), "证件号码\n4.40199E+17\n".encode()],
    ids=["number cell", "scientific text"],
)
def test_a_number_that_excel_rounded_is_told_and_never_guessed(content: bytes) -> None:
    assert read_grid(content)[1] == [LOST_DIGITS]


def test_a_short_number_cell_is_text() -> None:
    assert read_grid(xlsx_of([[12, 3.5, True, None, "x"]])) == [["12", "3.5", "是", "", "x"]]


def test_a_formula_is_not_computed_and_not_quoted() -> None:
    assert read_grid(xlsx_of([['=HYPERLINK("http://x.example","x")', "a"]])) == [["", "a"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "list_empty"),
        (b"x" * (MAX_LIST_BYTES + 1), "list_too_large"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "list_old_excel"),
        (b"PK\x03\x04 broken", "list_unreadable"),
        (zip_of({"a.txt": b"no workbook"}), "list_unreadable"),
        (b"\xff\xfe\x00", "list_unreadable"),
        (bytes(100), "list_unreadable"),
        (b"%PDF-1.7 \xff\xff\xff", "list_unreadable"),
        ("姓名\n".encode() * (MAX_ROWS + 20), "list_too_many_rows"),
        (with_part(xlsx_of(LIST), "xl/worksheets/sheet1.xml", b"<worksheet"), "list_unreadable"),
        (with_part(xlsx_of(LIST), "xl/workbook.xml", b"<a/>"), "list_empty"),
    ],
)
def test_what_is_no_list_is_refused_in_words(content: bytes, code: str) -> None:
    assert reason(content) == code


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"])
def test_a_workbook_with_entities_is_refused_before_it_is_parsed(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(openpyxl, "load_workbook", never)
    assert reason(with_part(xlsx_of(LIST), part, BOMB)) == "list_unreadable"


def test_even_past_our_own_look_the_parser_expands_no_entity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.identity.enrolment_files._require_plain_xml", lambda _packed: None)
    assert openpyxl.DEFUSEDXML
    assert reason(with_part(xlsx_of(LIST), "xl/worksheets/sheet1.xml", BOMB)) == "list_unreadable"


def test_what_unpacks_to_too_much_is_refused_by_what_it_declares() -> None:
    assert reason(zip_of({"xl/workbook.xml": bytes(65 * 1024 * 1024)})) == "list_too_large"


def test_a_part_is_no_longer_than_it_declares() -> None:
    made = bytearray(zip_of({"1.jpg": JPEG + bytes(10_000)}))
    at = made.rindex(b"PK\x01\x02")
    made[at + 24 : at + 28] = struct.pack("<I", 30)  # the size in the directory, which is what is trusted
    found = Photos(bytes(made)).find("1.jpg")
    assert found is None or len(found) <= 30


def test_what_we_write_excel_reads_as_text_and_keeps_each_digit() -> None:
    rows = [["姓名", "证件号码"], ["陈<晓>&安", "440199199003071219"], ["=1+1", "007"]]
    content = workbook("报名名单", headed(rows), [12, 24])
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == rows
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "inlineStr"}
    assert sheet["B2"].number_format == "@"
    assert read_grid(content) == rows


@pytest.mark.parametrize("asked", ["7.jpg", "7", "7.JPG", " 7.jpg "])
def test_a_photograph_is_found_by_its_name_whatever_folder_ending_and_case(asked: str) -> None:
    photos = Photos(zip_of({"照片/7.jpg": JPEG, "照片/8.png": b"x"}))
    assert photos.find(asked) == JPEG


def test_of_two_photographs_of_one_name_neither_is_taken() -> None:
    photos = Photos(zip_of({"a/7.jpg": JPEG, "b/7.jpg": JPEG, "9.jpg": JPEG, "9.png": JPEG}))
    assert photos.find("7.jpg") is None
    assert photos.find("9") is None
    assert photos.find("9.png") == JPEG


def test_names_that_chinese_windows_wrote_are_read() -> None:
    made = zip_of({"AAAA.jpg": JPEG}).replace(b"AAAA.jpg", "陈安".encode("gb18030") + b".jpg")
    assert Photos(made).find("陈安.jpg") == JPEG


@pytest.mark.parametrize(
    ("content", "code"), [(b"no zip", "photos_unreadable"), (b"PK\x03\x04", "photos_unreadable")]
)
def test_photographs_that_cannot_be_opened_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Photos(content)
    assert refused.value.reason == code


def test_an_archive_with_a_password_is_refused() -> None:
    made = bytearray(zip_of({"1.jpg": JPEG}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[made.index(mark) + offset] |= 1
    with pytest.raises(InvalidInput, match="photos_unreadable"):
        Photos(bytes(made))


def test_no_photographs_are_no_fault() -> None:
    photos = Photos()
    assert (photos.given, photos.find("7.jpg")) == (False, None)


def test_a_photograph_is_known_by_its_content() -> None:
    assert media_type_of(JPEG) == "image/jpeg"
    assert media_type_of(b"\x89PNG\r\n\x1a\n..") == "image/png"
    assert media_type_of(b"GIF89a") is None
    assert media_type_of(JPEG + bytes(2 * 1024 * 1024)) is None


def test_a_damaged_photograph_is_none() -> None:
    made = zip_of({"1.jpg": JPEG * 50})
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        at = packed.infolist()[0].header_offset + 40
    broken = made[:at] + bytes(8) + made[at + 8 :]
    assert Photos(broken).find("1.jpg") is None
