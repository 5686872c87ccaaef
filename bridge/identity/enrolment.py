"""Enrolment lists from files: what each row would do, and doing it, slice by slice, once a person has confirmed."""

import re
from collections import Counter
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy import select

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.identity.documents import Document, read_document
from bridge.identity.enrolment_files import LOST_DIGITS, Photos, media_type_of
from bridge.identity.enrolment_model import Change, EnrolmentImport, Outcome, PlannedRow, Said
from bridge.identity.enrolment_sheet import Sheet, SheetRow
from bridge.identity.enrolment_tables import EnrolmentImportRow
from bridge.identity.model import ListRow, is_name, normalise_name
from bridge.identity.ports import IdentityStore, Now
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, new_id
from bridge.kernel.time import legal_date

ENROLMENT_WANTED = "identity.enrolment_wanted"
"""Kind of the job that takes over a confirmed list; its key is the import's id."""
KEPT = timedelta(hours=2)
"""Practice: how long a preview waits for its confirmation; then its rows are wiped."""
SLICE = 50
"""Practice: rows of one unit of work, so that others may write in between."""
_SHOWN = 20
_MAX_TEXT = 200
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_ROWS = msgspec.json.Decoder(list[PlannedRow])

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


class EnrolmentImports:
    """Uploaded lists of one institution, within one unit of work.

    Args:
        clock: real time.
    """

    def __init__(
        self, tx: Tx, cipher: FieldCipher, store: IdentityStore, evidence: EvidencePort, clock: Now
    ) -> None:
        self._tx = tx
        self._cipher = cipher
        self._store = store
        self._evidence = evidence
        self._clock = clock

    def preview(self, class_run: ClassRunId, sheet: Sheet, photos: Photos, by: str) -> str:
        """Keep what the rows would do, encrypted and for a while; return the import's id. The list stays as it is.

        Args:
            by: a member of staff, by id.
        """
        import_id, now = new_id("imp"), self._clock.now()
        seen: dict[str, int] = {}
        rows = [self._plan(class_run, import_id, row, photos, seen) for row in sheet.rows]
        figures = Counter(row.outcome.value for row in rows)
        self._tx.session.add(
            EnrolmentImportRow(
                id=import_id,
                institution_id=self._tx.institution_id,
                class_run_id=class_run,
                rows_enc=self._sealed(import_id, rows),
                planned={
                    **figures,
                    "contact_columns": sheet.contact_columns,
                    "unused_columns": sheet.unused_columns,
                },
                applied={},
                total=len(rows),
                done=0,
                made_by=by,
                made_at=now,
                expires_at=now + KEPT,
                confirmed_by=None,
                confirmed_at=None,
                finished_at=None,
            )
        )
        self._tx.session.flush()
        return import_id

    def find(self, class_run: ClassRunId, import_id: str) -> EnrolmentImport:
        """Return the import; InvalidInput("enrolment_import_unknown")."""
        row = self._tx.session.get(EnrolmentImportRow, import_id)
        if row is None or row.class_run_id != class_run:
            raise InvalidInput("enrolment_import_unknown", "没有这次导入,请重新上传名单。", http_status=404)
        return self._import(row)

    def latest(self, class_run: ClassRunId) -> list[EnrolmentImport]:
        """Return the class run's newest imports that were confirmed, without rows."""
        rows = self._tx.session.scalars(
            select(EnrolmentImportRow)
            .where(
                EnrolmentImportRow.class_run_id == class_run,
                EnrolmentImportRow.confirmed_at.is_not(None),
            )
            .order_by(EnrolmentImportRow.made_at.desc(), EnrolmentImportRow.id.desc())
            .limit(_SHOWN)
        )
        return [self._import(row, with_rows=False) for row in rows]

    def confirm(self, class_run: ClassRunId, import_id: str, by: str) -> None:
        """Have the rows that are right taken over; twice is once.

        Raises:
            InvalidInput: enrolment_import_unknown, enrolment_preview_expired, enrolment_nothing_to_do.
        """
        self._row(import_id)
        found = self.find(class_run, import_id)
        if found.confirmed_at is not None:
            return
        if found.state == "expired" or found.expires_at <= self._clock.now():
            raise InvalidInput(
                "enrolment_preview_expired", "预览已过期并已清除,请重新上传名单。", http_status=409
            )
        if not found.writes:
            raise InvalidInput("enrolment_nothing_to_do", "名单没有需要写入的行。", http_status=409)
        row = self._row(import_id)
        row.confirmed_by, row.confirmed_at = by, self._clock.now()
        self._tx.session.flush()
        self._tx.want(ENROLMENT_WANTED, import_id)

    def take_over(self, import_id: str) -> bool:
        """Take over the next slice of a confirmed import; return whether more is left. Again changes nothing."""
        row = self._row(import_id)
        if row.confirmed_at is None or row.finished_at is not None:
            return False
        class_run, rows = ClassRunId(row.class_run_id), self._opened(row)
        applied = Counter(row.applied)
        for planned in rows[row.done : row.done + SLICE]:
            applied[self._apply(class_run, planned).value] += 1
        row.done = min(row.done + SLICE, row.total)
        row.applied = dict(applied)
        if row.done >= row.total:
            row.finished_at = self._clock.now()
            self._wipe(row)
        self._tx.session.flush()
        return row.finished_at is None

    def expire(self, import_id: str) -> None:
        """Wipe the rows and photographs of a preview that nobody confirmed."""
        row = self._row(import_id)
        if row.confirmed_at is None:
            self._wipe(row)
            self._tx.session.flush()

    def _plan(
        self, class_run: ClassRunId, import_id: str, row: SheetRow, photos: Photos, seen: dict[str, int]
    ) -> PlannedRow:
        today = legal_date(self._clock.now())
        document, wrong = _document(row, today)
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
        listed = None if document is None else self._store.list_row(class_run, number)
        changes = _changes(listed, row.name, row.employer, row.trade)
        if document is not None and not wrong:
            wrong += self._against(listed, row.name, number, changes)
            notes += self._elsewhere(row.name, number)
        photo = None
        if not wrong and (listed is None or (listed.photo is None and listed.learner is None)):
            photo, said = self._photo(class_run, import_id, row, number, photos)
            notes += said
        outcome = _outcome(wrong, listed, changes, photo)
        return PlannedRow(
            line=row.line,
            outcome=outcome,
            name=row.name,
            stated=row.stated,
            number="" if number == LOST_DIGITS else number,
            employer=row.employer,
            trade=row.trade,
            photo=photo,
            photo_name=row.photo or "",
            changes=changes if outcome is Outcome.CHANGE else (),
            wrong=tuple(wrong),
            notes=tuple(notes),
        )

    def _apply(self, class_run: ClassRunId, planned: PlannedRow) -> Outcome:
        """Write a row, judged anew: the list may have changed since the preview."""
        if planned.outcome is Outcome.ERROR:
            return Outcome.ERROR
        listed = self._store.list_row(class_run, planned.number)
        changes = _changes(listed, planned.name, planned.employer, planned.trade)
        if self._against(listed, planned.name, planned.number, changes):
            return Outcome.ERROR
        now = self._clock.now()
        if listed is None:
            row_id = self._store.add_list_row(
                class_run, planned.name, planned.number, planned.employer or "", now, planned.trade or ""
            )
        else:
            row_id = listed.id
            if changes:
                employer = listed.employer if planned.employer is None else planned.employer
                trade = listed.trade if planned.trade is None else planned.trade
                self._store.change_list_row(row_id, planned.name, employer, trade)
        photo = planned.photo if listed is None or listed.photo is None else None
        if photo is not None:
            self._keep_photo(class_run, row_id, photo)
        return _outcome([], listed, changes, photo)

    def _against(
        self, listed: ListRow | None, name: str, number: str, changes: tuple[Change, ...]
    ) -> list[Said]:
        """Return why the list may not be changed so: who has proved who they are is not changed by a list."""
        if listed is not None and listed.learner is not None:
            return [_wrong("person_verified")] if changes else []
        learner = self._store.learner_with(number)
        person = None if learner is None else self._store.person(learner)
        if person is not None and normalise_name(person[0]) != normalise_name(name):
            return [_wrong("number_of_another")]
        return []

    def _elsewhere(self, name: str, number: str) -> list[Said]:
        names = {normalise_name(each) for each in self._store.names_listed_for(number)}
        return [_note("names_differ")] if names - {normalise_name(name)} else []

    def _photo(
        self, class_run: ClassRunId, import_id: str, row: SheetRow, number: str, photos: Photos
    ) -> tuple[EvidenceId | None, list[Said]]:
        if not photos.given:
            return None, []
        found = photos.find(row.photo or number)
        if found is None:
            return None, [_note("photo_missing")]
        media_type = media_type_of(found)
        if media_type is None:
            return None, [_note("photo_malformed")]
        return self._evidence.put(self._photo_scope(class_run, import_id), found, media_type), []

    def _keep_photo(self, class_run: ClassRunId, row_id: str, photo: EvidenceId) -> None:
        content = self._evidence.get(self._tx.institution_id, photo)
        scope = self._photo_scope(class_run, row_id)
        self._store.set_photo(row_id, self._evidence.put(scope, content, media_type_of(content) or ""))

    def _photo_scope(self, class_run: ClassRunId, subject: str) -> EvidenceScope:
        return EvidenceScope(self._tx.institution_id, subject, EvidencePurpose.ID_PHOTO, class_run)

    def _wipe(self, row: EnrolmentImportRow) -> None:
        row.rows_enc = ""
        self._evidence.destroy(self._photo_scope(ClassRunId(row.class_run_id), row.id))

    def _row(self, import_id: str) -> EnrolmentImportRow:
        # Locked: the worker and the operator's command may have the same import in hand.
        row = self._tx.session.get(
            EnrolmentImportRow, import_id, with_for_update=True, populate_existing=True
        )
        if row is None:
            raise InvalidInput("enrolment_import_unknown", "没有这次导入,请重新上传名单。", http_status=404)
        return row

    def _sealed(self, import_id: str, rows: list[PlannedRow]) -> str:
        text = msgspec.json.encode(rows).decode()
        return self._cipher.encrypt_text(text, table=EnrolmentImportRow.__tablename__, row_id=import_id)

    def _opened(self, row: EnrolmentImportRow) -> list[PlannedRow]:
        if not row.rows_enc:
            return []
        text = self._cipher.decrypt_text(row.rows_enc, table=EnrolmentImportRow.__tablename__, row_id=row.id)
        return _ROWS.decode(text)

    def _import(self, row: EnrolmentImportRow, *, with_rows: bool = True) -> EnrolmentImport:
        return EnrolmentImport(
            id=row.id,
            class_run=ClassRunId(row.class_run_id),
            planned=row.planned,
            applied=row.applied,
            rows=self._opened(row) if with_rows else (),
            total=row.total,
            done=row.done,
            made_by=row.made_by,
            made_at=row.made_at,
            expires_at=row.expires_at,
            confirmed_by=row.confirmed_by,
            confirmed_at=row.confirmed_at,
            finished_at=row.finished_at,
        )


def expired_previews(uow: UnitOfWork, now: datetime) -> list[tuple[InstitutionId, str]]:
    """Return the previews of all institutions whose rows must be wiped."""
    row = EnrolmentImportRow
    over = select(row.institution_id, row.id).where(
        row.confirmed_at.is_(None), row.expires_at <= now, row.rows_enc != ""
    )
    with uow.across_institutions("find previews of enrolment lists that are over", read_only=True) as tx:
        return [(InstitutionId(institution), each) for institution, each in tx.session.execute(over)]


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


def _changes(
    listed: ListRow | None, name: str, employer: str | None, trade: str | None
) -> tuple[Change, ...]:
    if listed is None:
        return ()
    pairs = (
        ("name", listed.name, name),
        ("employer", listed.employer, employer),
        ("trade", listed.trade, trade),
    )
    return tuple(Change(what, old, new) for what, old, new in pairs if new is not None and new != old)


def _outcome(
    wrong: list[Said], listed: ListRow | None, changes: tuple[Change, ...], photo: EvidenceId | None
) -> Outcome:
    if wrong:
        return Outcome.ERROR
    if listed is None:
        return Outcome.NEW
    return Outcome.CHANGE if changes or photo is not None else Outcome.SAME


def _wrong(code: str) -> Said:
    return Said(code, _WRONG[code])


def _note(code: str) -> Said:
    return Said(code, _NOTES[code])
