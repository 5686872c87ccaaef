"""Enrolment lists from files: what each row would do, and doing it, slice by slice, once a person has confirmed."""

from collections import Counter
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select

from bridge.db.field_cipher import FieldCipher
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.identity.enrolment_files import Photos, media_type_of, pack_photos
from bridge.identity.enrolment_model import EnrolmentImport, Kept, Known, Outcome, PlannedRow
from bridge.identity.enrolment_plan import Plan, against, changes_of, outcome_of, plan_rows
from bridge.identity.enrolment_sheet import Sheet
from bridge.identity.enrolment_tables import EnrolmentImportRow
from bridge.identity.ports import IdentityStore, Now
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, new_id
from bridge.kernel.time import legal_date

ENROLMENT_WANTED = "identity.enrolment_wanted"
"""Kind of the job that takes over a confirmed list; its key is the import's id."""
KEPT = timedelta(hours=2)
"""Practice: how long a preview waits for its confirmation; then its rows are wiped."""
SLICE = 20
"""Practice: rows of one unit of work, so that others may write in between."""
_SHOWN = 20
_KEPT = msgspec.json.Decoder(Kept)


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

    def plan(self, class_run: ClassRunId, sheet: Sheet, photos: Photos) -> Plan:
        """Return what the rows would do. Reads only, so that it may take its time beside others who write."""
        return plan_rows(
            sheet,
            photos,
            lambda numbers: self._store.known(class_run, numbers),
            legal_date(self._clock.now()),
        )

    def preview(self, class_run: ClassRunId, plan: Plan, by: str) -> str:
        """Keep a plan, encrypted and for a while; return the import's id. The list stays as it is.

        Args:
            by: a member of staff, by id.
        """
        import_id, now = new_id("imp"), self._clock.now()
        photos = None
        if plan.pictures:
            scope = self._photo_scope(class_run, import_id)
            photos = self._evidence.put(scope, pack_photos(plan.pictures), "application/zip")
        figures = Counter(row.outcome.value for row in plan.rows)
        self._tx.session.add(
            EnrolmentImportRow(
                id=import_id,
                institution_id=self._tx.institution_id,
                class_run_id=class_run,
                rows_enc=self._sealed(import_id, Kept(plan.rows, photos)),
                planned={
                    **figures,
                    "contact_columns": plan.contact_columns,
                    "unused_columns": plan.unused_columns,
                },
                applied={},
                total=len(plan.rows),
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
        class_run, kept = ClassRunId(row.class_run_id), self._opened(row)
        applied = Counter(row.applied)
        rows = kept.rows[row.done : row.done + SLICE]
        known = self._store.known(class_run, [planned.number for planned in rows])
        photos = Photos()
        if kept.photos is not None and any(planned.photo for planned in rows):
            photos = Photos(self._evidence.get(self._tx.institution_id, kept.photos))
        for planned in rows:
            applied[self._apply(class_run, planned, known, photos).value] += 1
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

    def _apply(self, class_run: ClassRunId, planned: PlannedRow, known: Known, photos: Photos) -> Outcome:
        """Write a row, judged anew: the list may have changed since the preview."""
        if planned.outcome is Outcome.ERROR:
            return Outcome.ERROR
        listed = known.listed.get(planned.number)
        changes = changes_of(listed, planned.name, planned.employer, planned.trade)
        if against(planned.number, planned.name, changes, known):
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
        picture = None
        if planned.photo and (listed is None or listed.photo is None):
            picture = photos.find(str(planned.line))
        if picture is not None:
            scope = self._photo_scope(class_run, row_id)
            self._store.set_photo(row_id, self._evidence.put(scope, picture, media_type_of(picture) or ""))
        return outcome_of([], listed, changes, picture is not None)

    def _photo_scope(self, class_run: ClassRunId, subject: str) -> EvidenceScope:
        return EvidenceScope(self._tx.institution_id, subject, EvidencePurpose.ID_PHOTO, class_run)

    def _wipe(self, row: EnrolmentImportRow) -> None:
        row.rows_enc = ""
        scope = self._photo_scope(ClassRunId(row.class_run_id), row.id)
        self._evidence.destroy(scope, reason="import_ended", by=row.confirmed_by or "schedule")

    def _row(self, import_id: str) -> EnrolmentImportRow:
        # Locked: the worker and the operator's command may have the same import in hand.
        row = self._tx.session.get(
            EnrolmentImportRow, import_id, with_for_update=True, populate_existing=True
        )
        if row is None:
            raise InvalidInput("enrolment_import_unknown", "没有这次导入,请重新上传名单。", http_status=404)
        return row

    def _sealed(self, import_id: str, kept: Kept) -> str:
        text = msgspec.json.encode(kept).decode()
        return self._cipher.encrypt_text(text, table=EnrolmentImportRow.__tablename__, row_id=import_id)

    def _opened(self, row: EnrolmentImportRow) -> Kept:
        if not row.rows_enc:
            return Kept([], None)
        text = self._cipher.decrypt_text(row.rows_enc, table=EnrolmentImportRow.__tablename__, row_id=row.id)
        return _KEPT.decode(text)

    def _import(self, row: EnrolmentImportRow, *, with_rows: bool = True) -> EnrolmentImport:
        return EnrolmentImport(
            id=row.id,
            class_run=ClassRunId(row.class_run_id),
            planned=row.planned,
            applied=row.applied,
            rows=self._opened(row).rows if with_rows else (),
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
