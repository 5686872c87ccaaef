"""What the rows of an uploaded enrolment list would do, given what is known. Pure but for the photographs' file."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from bridge.identity.documents import Document, read_document
from bridge.identity.enrolment_files import LOST_DIGITS, Photos, media_type_of
from bridge.identity.enrolment_model import Change, Known, Outcome, PlannedRow, Said
from bridge.identity.enrolment_sheet import Sheet, SheetRow
from bridge.identity.model import ListRow, is_name, normalise_name
from bridge.kernel.errors import InvalidInput

_MAX_TEXT = 200
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")

_WRONG = {
    "name_missing": "缺少姓名,请补填。",
    "name_malformed": "姓名只能有文字和间隔点,请按证件填写。",
    "name_private_use": "姓名中有本机造字,在别的电脑上会变成另一个字。请换成国家标准字库中的字重新填写。",
    "number_missing": "缺少证件号码,请补填。",
    "number_lost_digits": "Excel 把号码存成了数字,末几位已经丢失。请把这一列设为“文本”格式,重新填写号码。",
    "number_is_contact": "姓名或证件号码一栏里是联系方式,已去掉。请填写证件上的内容。",
    "text_too_long": "单位或工种超过 200 个字,请缩短。",
    "person_verified": "该学员已完成实名,姓名、单位、工种和照片不能再用名单修改;没有变化的行可以保留。",
    "number_of_another": "本机构已有另一姓名用这个号码完成实名。请核对号码;确有更名的,请由工作人员更正。",
}
_NOTES = {
    "citizen_id_area_unknown": "地区码不在现行代码中(旧证件可能如此),请对照证件。",
    "document_form_only": "这种号码没有可核对的校验位,请对照证件再看一遍。",
    "document_needs_staff": "护照须由工作人员当面人工核验,学员填写后不会自动通过。",
    "contact_removed": "单位或工种里的联系方式已去掉。",
    "names_differ": "本机构的其他名单中,这个号码是另一个姓名,学员将无法自动核对。请先核对。",
    "photo_missing": "没有找到照片(或有重名),先不带照片导入,之后可再导入一次补上。",
    "photo_malformed": "照片不是 2 MB 以内的 JPEG 或 PNG,先不带照片导入。",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rows of a list would do.

    Args:
        pictures: the photographs to be kept, by the rows' lines.
    """

    rows: list[PlannedRow] = field(repr=False)
    pictures: Mapping[int, bytes] = field(repr=False)
    contact_columns: int
    unused_columns: int


def plan_rows(sheet: Sheet, photos: Photos, known_of: Callable[[Sequence[str]], Known], today: date) -> Plan:
    """Return what the rows would do.

    Args:
        known_of: numbers → what is known of them, asked once.
        today: the legal day.
    """
    read = [(row, *_document(row, today)) for row in sheet.rows]
    numbers = [document.number for _, document, _ in read if document is not None]
    known = known_of(list(dict.fromkeys(numbers)))
    seen: dict[str, int] = {}
    pictures: dict[int, bytes] = {}
    rows = []
    for row, document, wrong in read:
        planned, picture = _plan(row, document, wrong, known, photos, seen)
        rows.append(planned)
        if picture is not None:
            pictures[row.line] = picture
    return Plan(rows, pictures, sheet.contact_columns, sheet.unused_columns)


def _plan(
    row: SheetRow,
    document: Document | None,
    wrong: list[Said],
    known: Known,
    photos: Photos,
    seen: dict[str, int],
) -> tuple[PlannedRow, bytes | None]:
    """Return what a row would do, and the photograph that comes with it.

    Args:
        wrong: what is wrong with its document.
        seen: number → line of the rows before it.
    """
    wrong = [*_wrong_of_name(row), *wrong]
    if max(len(row.employer or ""), len(row.trade or "")) > _MAX_TEXT:
        wrong.append(_wrong("text_too_long"))
    number = row.number if document is None else document.number
    if document is not None:
        if number in seen:
            wrong.append(Said("person_twice", f"与第 {seen[number]} 行是同一证件号码,请只留一行。"))
        seen.setdefault(number, row.line)
    notes = [] if document is None else _notes_of(document)
    if row.contact_removed and not wrong:
        notes.append(_note("contact_removed"))
    listed = None if document is None else known.listed.get(number)
    changes = changes_of(listed, row.name, row.employer, row.trade)
    if document is not None and not wrong:
        wrong += against(number, row.name, changes, known)
        notes += _elsewhere(number, row.name, known)
    picture = None
    if not wrong and (listed is None or (listed.photo is None and listed.learner is None)):
        picture, said = _photo(row, number, photos)
        notes += said
    outcome = outcome_of(wrong, listed, changes, picture is not None)
    planned = PlannedRow(
        line=row.line,
        outcome=outcome,
        name=row.name,
        stated=row.stated,
        number="" if number == LOST_DIGITS else number,
        employer=row.employer,
        trade=row.trade,
        photo=picture is not None,
        photo_name=row.photo or "",
        changes=changes if outcome is Outcome.CHANGE else (),
        wrong=tuple(wrong),
        notes=tuple(notes),
    )
    return planned, picture


def against(number: str, name: str, changes: tuple[Change, ...], known: Known) -> list[Said]:
    """Return why the list may not be changed so: who has proved who they are is not changed by a list."""
    listed = known.listed.get(number)
    if listed is not None and listed.learner is not None:
        return [_wrong("person_verified")] if changes else []
    if number in known.proved and normalise_name(known.proved[number]) != normalise_name(name):
        return [_wrong("number_of_another")]
    return []


def _elsewhere(number: str, name: str, known: Known) -> list[Said]:
    names = {normalise_name(each) for each in known.names.get(number, ())}
    return [_note("names_differ")] if names - {normalise_name(name)} else []


def _photo(row: SheetRow, number: str, photos: Photos) -> tuple[bytes | None, list[Said]]:
    if not photos.given:
        return None, []
    found = photos.find(row.photo or number)
    if found is None:
        return None, [_note("photo_missing")]
    return (None, [_note("photo_malformed")]) if media_type_of(found) is None else (found, [])


def _document(row: SheetRow, today: date) -> tuple[Document | None, list[Said]]:
    if row.number == LOST_DIGITS:
        return None, [_wrong("number_lost_digits")]
    if not row.number:
        return None, [_wrong("number_is_contact" if row.contact_removed else "number_missing")]
    try:
        return read_document(row.number, today, row.stated), []
    except InvalidInput as error:
        return None, [Said(error.reason, error.message)]


def _wrong_of_name(row: SheetRow) -> list[Said]:
    if not row.name:
        return [_wrong("number_is_contact" if row.contact_removed else "name_missing")]
    if _PRIVATE_USE.search(row.name):
        return [_wrong("name_private_use")]
    return [] if is_name(normalise_name(row.name)) else [_wrong("name_malformed")]


def _notes_of(document: Document) -> list[Said]:
    if document.needs_staff:
        return [_note("document_needs_staff")]
    if document.form_only:
        return [_note("document_form_only")]
    return [] if document.area_known else [_note("citizen_id_area_unknown")]


def changes_of(
    listed: ListRow | None, name: str, employer: str | None, trade: str | None
) -> tuple[Change, ...]:
    """Return which fields of the list's row get another value; None leaves the row's own."""
    if listed is None:
        return ()
    pairs = (
        ("name", listed.name, name),
        ("employer", listed.employer, employer),
        ("trade", listed.trade, trade),
    )
    return tuple(Change(what, old, new) for what, old, new in pairs if new is not None and new != old)


def outcome_of(
    wrong: list[Said], listed: ListRow | None, changes: tuple[Change, ...], photo: bool
) -> Outcome:
    """Return what a row does, given what it changes and whether a photograph comes with it."""
    if wrong:
        return Outcome.ERROR
    if listed is None:
        return Outcome.NEW
    return Outcome.CHANGE if changes or photo else Outcome.SAME


def _wrong(code: str) -> Said:
    return Said(code, _WRONG[code])


def _note(code: str) -> Said:
    return Said(code, _NOTES[code])
