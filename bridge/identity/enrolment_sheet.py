"""What a table of enrolments says: the columns that are ours, contact data dropped unseen, one person a row. Pure.

Article 27 forbids to keep contact data: a column that is called so, or whose cells look so under another name, is
dropped before anything else sees it, and what stands within a text is cut out.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.identity.documents import is_card_2017
from bridge.kernel.errors import InvalidInput

COLUMNS = {
    "name": ("姓名", "学员姓名", "真实姓名", "名字"),
    "stated": ("证件类型", "证件种类", "证件名称"),
    "number": (
        "证件号码",
        "证件号",
        "身份证号码",
        "身份证号",
        "身份证",
        "公民身份号码",
        "居民身份证号码",
        "证件",
    ),
    "employer": ("单位", "工作单位", "单位名称", "所在单位", "用人单位", "公司", "企业名称"),
    "trade": ("工种", "作业类别", "操作项目", "工种名称", "准操项目", "岗位"),
    "photo": ("照片", "照片文件名", "证件照", "照片文件"),
}
TEMPLATE = ("姓名", "证件类型", "证件号码", "单位", "工种", "照片")
_TITLE_ROWS = 10
"""Practice: above the heading there may be a title, a date, a note."""
_NAMES_CONTACT = re.compile(
    r"电话|手机|联系|微信|扣扣|邮箱|邮件|电邮|住址|地址|邮编|通讯|紧急|家属|固话|传真|phone|mobile|tel|mail|wechat|weixin|qq|addr"
    r"|whatsapp|fax",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[路街道巷村镇].{0,12}\d+号|\d+[栋幢座]|\d+单元|\d+室")
_WECHAT = re.compile(r"(?:wx|wxid|weixin|vx)[-_A-Za-z0-9]{4,}", re.IGNORECASE)
_QQ_LIKE = re.compile(r"[1-9]\d{4,11}")
_DECORATION = re.compile(r"[\s*:()\[\]【】]|必填|选填")
_MOSTLY = 0.5

Cleaner = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One person as a row says it.

    Args:
        line: the row's number in the file, the first being 1.
        employer, trade, photo: None where the table has no such column.
        contact_removed: contact data stood within a text of this row.
    """

    line: int
    name: str = field(repr=False)
    stated: str
    number: str = field(repr=False)
    employer: str | None = field(repr=False)
    trade: str | None = field(repr=False)
    photo: str | None = field(repr=False)
    contact_removed: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """The table.

    Args:
        contact_columns, unused_columns: how many were dropped; which ones is not kept.
    """

    rows: Sequence[SheetRow]
    contact_columns: int
    unused_columns: int


def read_sheet(grid: Sequence[Sequence[str]], without_contact: Cleaner) -> Sheet:
    """Return the people of a table, empty rows left out.

    Args:
        without_contact: text → the same without telephone numbers, e-mail addresses, WeChat and QQ accounts.

    Raises:
        InvalidInput: list_heading_missing, list_column_twice, list_empty.
    """
    at = _heading(grid)
    width = max(len(row) for row in grid)
    heads = [_plain(_at(grid[at], column)) for column in range(width)]
    body = [(number, row) for number, row in enumerate(grid[at + 1 :], at + 2) if any(row)]
    ours: dict[str, int] = {}
    contact = unused = 0
    for column, head in enumerate(heads):
        cells = [_at(row, column) for _, row in body if _at(row, column)]
        what = next((key for key, names in COLUMNS.items() if head in names), None)
        if _NAMES_CONTACT.search(head) or _looks_like_contact(what, cells, without_contact):
            contact += 1
        elif what is None:
            unused += bool(head or cells)
        elif what in ours:
            raise InvalidInput(
                "list_column_twice",
                f"名单里有两列“{COLUMNS[what][0]}”,请只留一列后重新上传。",
                http_status=422,
            )
        else:
            ours[what] = column
    for needed in ("name", "number"):
        if needed not in ours:
            raise _no_heading()
    rows = [_row(number, row, ours, without_contact) for number, row in body]
    rows = [row for row in rows if row.name or row.number]
    if not rows:
        raise InvalidInput("list_empty", "名单里没有学员,请核对是否选错了文件。", http_status=422)
    return Sheet(rows, contact, unused)


def _heading(grid: Sequence[Sequence[str]]) -> int:
    for at, row in enumerate(grid[:_TITLE_ROWS]):
        heads = {_plain(cell) for cell in row}
        if heads.intersection(COLUMNS["name"]) and heads.intersection(COLUMNS["number"]):
            return at
    raise _no_heading()


def _no_heading() -> InvalidInput:
    return InvalidInput(
        "list_heading_missing",
        "没有找到表头。前十行内要有一行写着“姓名”和“证件号码”,可下载模板对照。",
        http_status=422,
    )


def _row(line: int, row: Sequence[str], ours: dict[str, int], without_contact: Cleaner) -> SheetRow:
    removed = False

    def text(key: str) -> str | None:
        nonlocal removed
        if key not in ours:
            return None
        cell = _at(row, ours[key])
        # The twelve digits of a card of 2017 may look like a landline's.
        kept = cell if key == "number" and is_card_2017(cell) else without_contact(cell)
        if kept != cell:
            removed = True
            # A name or a number is not mended by leaving a part of it out: the row is then wrong, and says so.
            kept = "" if key in ("name", "number", "stated", "photo") else _squeezed(kept)
        return kept

    values = {key: text(key) for key in COLUMNS}
    return SheetRow(
        line,
        values["name"] or "",
        values["stated"] or "",
        values["number"] or "",
        values["employer"],
        values["trade"],
        values["photo"],
        removed,
    )


def _squeezed(text: str) -> str:
    return " ".join(re.sub(r"\[已去除联系方式\]", " ", text).split())


def _looks_like_contact(what: str | None, cells: Sequence[str], without_contact: Cleaner) -> bool:
    """Return whether at least half of the cells are contact data and little else."""
    if what in ("name", "number"):
        return False  # they are needed: what is wrong with them is said row by row
    found = sum(_is_contact(what, cell, without_contact) for cell in cells)
    return bool(cells) and found / len(cells) >= _MOSTLY


def _is_contact(what: str | None, cell: str, without_contact: Cleaner) -> bool:
    plain = unicodedata.normalize("NFKC", cell)
    if len(_squeezed(without_contact(plain))) * 2 < len(plain):
        return True
    if what == "photo":
        return False  # files are often called by a serial number
    packed = plain.replace(" ", "").replace("-", "")
    return any(found.fullmatch(packed) for found in (_WECHAT, _QQ_LIKE)) or bool(_ADDRESS.search(packed))


def _plain(head: str) -> str:
    return _DECORATION.sub("", unicodedata.normalize("NFKC", head))


def _at(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""
