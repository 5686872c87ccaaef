"""How many people have a face stored, over the whole installation, held against the numbers of the pack in force."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import new_id
from bridge.kernel.time import legal_date
from bridge.privacy.stored_faces_tables import FaceFilingRow
from bridge.rules.model import ProfileInForce, Resolved

PACK = "face-measures-2025"
_SATURDAY = 5
_LONGEST_REFERENCE = 80
State = Literal["below", "warning", "filing"]
STATES_ZH = {
    "below": "未达到预警人数",
    "warning": "已达到预警人数,请开始准备备案",
    "filing": "已达到须备案的人数,请在期限内向省级以上网信部门备案",
}


@dataclass(frozen=True, slots=True)
class StoredFaces:
    """The count and what follows from it.

    Args:
        people: with a template that can still be read; who registered with two institutions counts twice, for no
            institution knows the other's people.
        photographed: people of whom a photograph is kept that can still be read; told beside, held against nothing.
        warning, filing, working_days: the rules, with their source.
    """

    people: int
    photographed: int
    warning: Resolved
    filing: Resolved
    working_days: Resolved

    @property
    def state(self) -> State:
        if self.people >= self.filing.integer():
            return "filing"
        return "warning" if self.people >= self.warning.integer() else "below"


def count_people(tx: Tx, *purposes: EvidencePurpose) -> int:
    """Return of how many people evidence of `purposes` can still be read, over all institutions.

    What was destroyed does not count, nor does a key under which nothing was ever kept.
    """
    live = (
        select(DataKeyRow.institution_id, DataKeyRow.subject)
        .where(
            DataKeyRow.purpose.in_([one.value for one in purposes]),
            DataKeyRow.destroyed_at.is_(None),
            select(EvidenceRow.id).where(EvidenceRow.key_id == DataKeyRow.id).exists(),
        )
        .distinct()
        .subquery()
    )
    return tx.session.scalar(select(func.count()).select_from(live)) or 0


def stored_faces(tx: Tx, rules: ProfileInForce, today: date) -> StoredFaces:
    """Return how the installation stands today.

    Args:
        tx: a unit of work across institutions.
        rules: the pack `PACK` alone.

    Raises:
        NoRuleInForce: the pack gives no number for today.
    """
    return StoredFaces(
        people=count_people(tx, EvidencePurpose.FACE_TEMPLATE),
        photographed=count_people(tx, EvidencePurpose.FACE_FRAME, EvidencePurpose.ID_PHOTO),
        warning=rules.value("privacy.stored_faces_warning", today),
        filing=rules.value("privacy.stored_faces_filing", today),
        working_days=rules.value("privacy.stored_faces_filing_working_days", today),
    )


def last_day(reached_on: date, working_days: int) -> date:
    """Return the day on which the filing is due; Saturdays and Sundays are none, public holidays are not known here.

    It is thus never later than what the law gives.
    """
    day, left = reached_on, working_days
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _SATURDAY
    return day


class FaceFilings:
    """The tasks to file, within a unit of work across institutions."""

    def __init__(self, tx: Tx) -> None:
        self._session = tx.session

    def open_if_due(self, found: StoredFaces, now: datetime) -> FaceFilingRow | None:
        """Return the task that waits, opened now if the number is reached and none was ever opened or filed."""
        every = list(self._session.scalars(select(FaceFilingRow).order_by(FaceFilingRow.opened_at)))
        waiting = next((row for row in every if row.filed_at is None), None)
        if waiting is not None or every or found.state != "filing":
            return waiting
        row = FaceFilingRow(
            id=new_id("fil"),
            opened_at=now,
            people=found.people,
            due_on=last_day(legal_date(now), found.working_days.integer()),
            filed_at=None,
            filed_by=None,
            reference=None,
        )
        self._session.add(row)
        self._session.flush()
        return row

    def file(self, reference: str, by: str, now: datetime) -> FaceFilingRow:
        """Record that the filing was made.

        Raises:
            InvalidInput: face_filing_none, face_filing_reference_malformed.
        """
        if not 2 <= len(reference.strip()) <= _LONGEST_REFERENCE:
            raise InvalidInput("face_filing_reference_malformed", "请填写备案回执或编号,2 至 80 字。")
        row = self._session.scalars(
            select(FaceFilingRow).where(FaceFilingRow.filed_at.is_(None)).with_for_update()
        ).first()
        if row is None:
            raise InvalidInput("face_filing_none", "现在没有待办的备案。", http_status=409)
        row.filed_at, row.filed_by, row.reference = now, by, reference.strip()
        self._session.flush()
        return row
