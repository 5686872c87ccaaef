"""Lists that leave the house as Excel files: asked for with a purpose, allowed by a second person, each fetch noted.

Nothing of a list is kept: it is made when it is fetched, and what is kept is its hash and how many rows it had.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, new_id
from bridge.kernel.time import Clock
from bridge.supervision.export_tables import PREFIX, TABLES
from bridge.supervision.list_export_tables import ListExportRow, ListExportStepRow

OF_AUTHORITY: Mapping[str, str] = {
    "institutions": "培训机构名单",
    "class_runs": "班次名单",
    "learners": "班次学员学时(姓名和号码只显示一部分)",
    "signals": "异常信号",
    **{f"{PREFIX}{name}": f"整表 Parquet:{one.title_zh}" for name, one in TABLES.items()},
}
OF_INSTITUTION: Mapping[str, str] = {"eligibility": "考试报名资格名单(含完整姓名和证件号码)"}
KINDS_ZH: Mapping[str, str] = {**OF_AUTHORITY, **OF_INSTITUTION}
NEEDS_CLASS_RUN = frozenset({"learners", "eligibility"})
FETCHED_WITHIN = timedelta(days=7)
"""Practice: how long a file may be fetched after it was allowed."""
_LONGEST_PURPOSE, _LONGEST_RECIPIENT, _MOST = 200, 120, 100


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose exports they are: an institution's, or those of the authority of a division."""

    institution: InstitutionId | None = None
    division_code: str | None = None

    def __post_init__(self) -> None:
        if (self.institution is None) == (self.division_code is None):
            raise ValueError("exports are an institution's or an authority's")


@dataclass(frozen=True, slots=True)
class ListExport:
    """One export with all that became of it.

    Args:
        decided_by, decided_at: the second person; None while nobody has decided.
        fetched: (by, at, SHA-256, rows) of each file that was handed out.
    """

    id: str
    kind: str
    subject: str | None
    purpose: str
    recipient: str
    asked_by: str
    asked_at: datetime
    allowed: bool | None
    decided_by: str | None
    decided_at: datetime | None
    fetched: tuple[tuple[str, datetime, str, int], ...]

    def may_fetch(self, now: datetime) -> bool:
        """Return whether its file may be handed out now."""
        return bool(self.allowed and self.decided_at and now < self.decided_at + FETCHED_WITHIN)


class ListExports:
    """Exports of one owner, in a unit of work across institutions (an authority's belong to none)."""

    def __init__(self, session: Session, clock: Clock, owner: Owner) -> None:
        self._session = session
        self._clock = clock
        self._owner = owner

    def all(self) -> Sequence[ListExport]:
        """Return the newest 100."""
        rows = self._session.scalars(
            select(ListExportRow)
            .where(self._own())
            .order_by(ListExportRow.asked_at.desc(), ListExportRow.id)
            .limit(_MOST)
        ).all()
        return [self._export(row) for row in rows]

    def one(self, export_id: str) -> ListExport:
        """Return one; InvalidInput("export_unknown") for another owner's, too."""
        row = self._session.scalar(select(ListExportRow).where(self._own(), ListExportRow.id == export_id))
        if row is None:
            raise InvalidInput("export_unknown", "没有这项导出,请刷新。", http_status=404)
        return self._export(row)

    def ask(self, kind: str, subject: str | None, *, purpose: str, recipient: str, by: str) -> str:
        """Write down what is wanted, why and for whom; return its id. A second person must allow it.

        Raises:
            InvalidInput: export_kind_unknown, export_subject_missing, export_text_malformed.
        """
        kinds = OF_INSTITUTION if self._owner.institution is not None else OF_AUTHORITY
        if kind not in kinds:
            raise InvalidInput("export_kind_unknown", "请选择要导出的名单。", http_status=422)
        if (kind in NEEDS_CLASS_RUN) is (subject is None):
            raise InvalidInput("export_subject_missing", "请从班次页面导出这份名单。", http_status=422)
        row = ListExportRow(
            id=new_id("lex"),
            institution_id=self._owner.institution,
            division_code=self._owner.division_code,
            kind=kind,
            subject=subject,
            purpose=_stated(purpose, "用途", _LONGEST_PURPOSE),
            recipient=_stated(recipient, "接收单位", _LONGEST_RECIPIENT),
            asked_by=by,
            asked_at=self._clock.now(),
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def decide(self, export_id: str, *, allow: bool, by: str) -> None:
        """Allow or refuse it, as the second person; that is final.

        Raises:
            InvalidInput: export_unknown, export_decided.
            NotPermitted("second_person_required"): `by` asked for it.
        """
        found = self.one(export_id)
        if found.asked_by == by:
            raise NotPermitted("second_person_required", "导出须由另一人批准,申请人不能自己批准。")
        if found.allowed is not None:
            raise InvalidInput("export_decided", "这项导出已经有人决定。", http_status=409)
        self._step(export_id, 1, "allow" if allow else "refuse", by)

    def note_fetch(self, export_id: str, *, sha256: str, row_count: int, by: str) -> None:
        """Note that a file was handed out.

        Raises:
            InvalidInput: export_unknown; export_not_allowed (not decided, refused, or too long ago).
        """
        found = self.one(export_id)
        require_fetch(found, self._clock.now(), by)
        self._step(export_id, 2 + len(found.fetched), "fetch", by, sha256, row_count)

    def note_program_fetch(self, export_id: str, *, sha256: str, row_count: int, by: str) -> None:
        """Note that a whole table was handed to a program of the same owner, or to the operator.

        Raises:
            InvalidInput: export_unknown; export_not_allowed.
        """
        found = self.one(export_id)
        require_allowed(found, self._clock.now())
        self._step(export_id, 2 + len(found.fetched), "fetch", by, sha256, row_count)

    def _step(
        self,
        export_id: str,
        number: int,
        step: str,
        by: str,
        sha256: str | None = None,
        row_count: int | None = None,
    ) -> None:
        row = ListExportStepRow(
            id=new_id("lexs"),
            export_id=export_id,
            number=number,
            step=step,
            by=by,
            at=self._clock.now(),
            sha256=sha256,
            row_count=row_count,
        )
        try:
            with self._session.begin_nested():
                self._session.add(row)
                self._session.flush()
        except IntegrityError as error:
            raise InvalidInput(
                "export_decided", "其他人刚刚处理了这项导出,请刷新。", http_status=409
            ) from error

    def _own(self) -> ColumnElement[bool]:
        if self._owner.institution is not None:
            return ListExportRow.institution_id == self._owner.institution
        return ListExportRow.division_code == self._owner.division_code

    def _export(self, row: ListExportRow) -> ListExport:
        steps = self._session.scalars(
            select(ListExportStepRow)
            .where(ListExportStepRow.export_id == row.id)
            .order_by(ListExportStepRow.number)
        ).all()
        decided = next((one for one in steps if one.step in ("allow", "refuse")), None)
        return ListExport(
            id=row.id,
            kind=row.kind,
            subject=row.subject,
            purpose=row.purpose,
            recipient=row.recipient,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            allowed=None if decided is None else decided.step == "allow",
            decided_by=None if decided is None else decided.by,
            decided_at=None if decided is None else decided.at,
            fetched=tuple(
                (one.by, one.at, one.sha256 or "", one.row_count or 0) for one in steps if one.step == "fetch"
            ),
        )


def require_fetch(export: ListExport, now: datetime, by: str) -> None:
    """Return if the export's file may be handed out now to `by`, an account: to who asked for it and nobody else.

    Raises:
        NotPermitted: not_your_export.
        InvalidInput: export_not_allowed.
    """
    if by != export.asked_by:
        raise NotPermitted("not_your_export", "名单只由申请人下载;需要时请另行申请。")
    require_allowed(export, now)


def require_allowed(export: ListExport, now: datetime) -> None:
    """Return if the export's file may be handed out now; InvalidInput("export_not_allowed")."""
    if not export.may_fetch(now):
        raise InvalidInput(
            "export_not_allowed", "这项导出还没有获批,或批准已超过 7 天,请重新申请。", http_status=409
        )


def _stated(text: str, what: str, longest: int) -> str:
    stated = " ".join(text.split())
    if not 4 <= len(stated) <= longest or not stated.isprintable():
        raise InvalidInput("export_text_malformed", f"请写明{what},4 至 {longest} 字。", http_status=422)
    return stated
