"""Columns that are ours, and contact data that nobody sees: neither by its name nor under another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.enrolment_sheet import Sheet, read_sheet
from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from tests.attacks.doors.people import LISTED, Person
from tests.identity.made_lists import HEADING, row_of

PEOPLE = [Person(number) for number in range(6)]


def read(*rows: list[str] | tuple[str, ...]) -> Sheet:
    return read_sheet(rows, without_contact_text)


def with_column(head: str, cells: list[str]) -> Sheet:
    return read(
        [*HEADING, head], *([*row_of(person), cell] for person, cell in zip(PEOPLE, cells, strict=True))
    )


def test_the_templates_columns_are_read() -> None:
    sheet = read(HEADING, row_of(PEOPLE[0]))
    (row,) = sheet.rows
    assert (row.line, row.name, row.number) == (2, PEOPLE[0].name, PEOPLE[0].citizen_id)
    assert (row.employer, row.trade, row.photo) == ("广州示例机电有限公司", "低压电工作业", "0.jpg")
    assert (sheet.contact_columns, sheet.unused_columns) == (0, 0)


def test_other_names_in_another_order_under_a_title_are_read() -> None:
    sheet = read(
        ["2026 年第一期报名表"],
        [],
        ["序号", "*身份证号(必填)", "工作 单位", "学员姓名"],
        ["1", PEOPLE[0].citizen_id, "示例公司", PEOPLE[0].name],
        ["", "", "", ""],
        ["2", PEOPLE[1].citizen_id, "", PEOPLE[1].name],
    )
    assert [(row.line, row.name, row.number, row.employer) for row in sheet.rows] == [
        (4, PEOPLE[0].name, PEOPLE[0].citizen_id, "示例公司"),
        (6, PEOPLE[1].name, PEOPLE[1].citizen_id, ""),
    ]
    assert (sheet.rows[0].trade, sheet.rows[0].photo) == (None, None)
    assert sheet.unused_columns == 1


@pytest.mark.parametrize(
    "head", ["电话", "手机号码", "联系方式", "联系人", "微信", "QQ", "邮箱", "E-mail", "家庭住址", "通讯地址",
             "单位电话", "紧急联系人", "Mobile", "Tel.", "WeChat ID", "单位地址"]
)  # fmt: skip
def test_a_column_that_is_called_contact_is_dropped_whatever_it_holds(head: str) -> None:
    sheet = with_column(head, ["canary"] * len(PEOPLE))
    assert sheet.contact_columns == 1
    assert "canary" not in repr([vars_of(row) for row in sheet.rows])


@pytest.mark.parametrize(
    "cells",
    [
        [person.phone for person in PEOPLE],
        [f"+86 {person.phone[:3]} {person.phone[3:7]} {person.phone[7:]}" for person in PEOPLE],
        [person.email for person in PEOPLE],
        [person.wechat.replace("_", "") for person in PEOPLE],
        ["020-12345678"] * 3 + ["无"] * 3,
        [f"1000{person.number}00" for person in PEOPLE],
        ["示例市示例路 12 号 3 栋"] * len(PEOPLE),
    ],
)
@pytest.mark.parametrize("head", ["备注", "其他", "籍贯"])
def test_a_column_that_looks_like_contact_under_another_name_is_dropped_too(
    head: str, cells: list[str]
) -> None:
    assert with_column(head, cells).contact_columns == 1


def test_telephone_numbers_under_a_name_of_ours_are_dropped_with_their_column() -> None:
    sheet = read(["姓名", "证件号码", "单位"], *([p.name, p.citizen_id, p.phone] for p in PEOPLE))
    assert sheet.contact_columns == 1
    assert all(row.employer is None for row in sheet.rows)


def test_contact_within_a_text_is_cut_out() -> None:
    person = PEOPLE[0]
    rows = [row_of(each) for each in PEOPLE]
    rows[0][3] = f"示例公司 {person.phone} {person.email}"
    sheet = read(HEADING, *rows)
    assert (sheet.rows[0].employer, sheet.rows[0].contact_removed) == ("示例公司", True)
    assert not sheet.rows[1].contact_removed


@pytest.mark.parametrize("column", [0, 1, 2, 5])
def test_a_name_or_a_number_with_contact_in_it_is_left_empty(column: int) -> None:
    rows = [row_of(each) for each in PEOPLE]
    rows[0][column] = f"x{PEOPLE[0].email}"
    row = read(HEADING, *rows).rows[0]
    assert row.contact_removed
    assert (row.name, row.stated, row.number, row.photo)[(0, 1, 2, -1, -1, 3)[column]] == ""
    assert PEOPLE[0].email not in repr(vars_of(row))


@given(st.integers(0, LISTED - 1), st.sampled_from(["phone", "email", "wechat"]), st.integers(0, 6))
def test_contact_data_of_nobody_ever_comes_through(number: int, what: str, column: int) -> None:
    person = Person(number)
    canary = getattr(person, what)
    rows = [row_of(Person(each)) for each in range(3)]
    for row in rows:
        row.insert(column, canary if what != "wechat" else f"微信:{canary}")
    heading = list(HEADING)
    heading.insert(column, "备注")
    sheet = read(heading, *rows)
    assert canary not in repr([vars_of(row) for row in sheet.rows])


def test_citizen_ids_and_cards_of_2017_are_no_telephone_numbers() -> None:
    numbers = [Person(number).citizen_id for number in range(LISTED)] + ["ABC075112345678", "ABC020123456789"]
    sheet = read(["姓名", "证件号码"], *([Person(0).name, number] for number in numbers))
    assert [row.number for row in sheet.rows] == numbers
    assert not any(row.contact_removed for row in sheet.rows)


def test_photographs_called_by_serial_numbers_are_no_qq_accounts() -> None:
    sheet = read(
        ["姓名", "证件号码", "照片"], *([p.name, p.citizen_id, f"{20260000 + p.number}"] for p in PEOPLE)
    )
    assert sheet.rows[0].photo == "20260000"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["名称", "号码"], ["a", "b"]], "list_heading_missing"),
        ([["姓名"], ["陈"]], "list_heading_missing"),
        ([["姓名", "证件号码"]], "list_empty"),
        ([["姓名", "证件号码"], ["", ""]], "list_empty"),
        ([["姓名", "证件号码", "身份证号"], ["陈", "1", "2"]], "list_column_twice"),
        ([["姓名", "证件号码"], ["13800138000", "13800138000"]], "list_empty"),
    ],
)
def test_a_table_without_its_heading_or_people_is_refused(rows: list[list[str]], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_sheet(rows, without_contact_text)
    assert refused.value.reason == code


def vars_of(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in type(row).__slots__}  # type: ignore[attr-defined]  # a slotted dataclass
