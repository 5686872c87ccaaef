"""An institution leaves: its teaching stops, what is under way is worked off, and the receipt makes it final."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from bridge.db.outbox import JobRow
from bridge.db.unit_of_work import EVENT_JOB, Tx
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, StudySessionId
from bridge.ledger.service import EXTENDED_JOB
from bridge.presence.frames import FRAME_WAITING
from bridge.presence.service import BEATS_WAITING
from bridge.presence.tables import StudySessionRow
from bridge.registry.leaving import Leavings
from bridge.registry.leaving_model import Leaving, Step
from bridge.wiring.handover_people import two_people

if TYPE_CHECKING:
    from bridge.wiring.house import House

CLOSED_BY_LEAVING = "leaving"
_UNDER_WAY = (EVENT_JOB, FRAME_WAITING, BEATS_WAITING, EXTENDED_JOB)
"""Kinds of jobs by which what was handed in becomes what is kept."""


def take_step(
    house: "House", institution: InstitutionId, step: Leaving, *, reason: str, by: str, approved_by: str
) -> Step:
    """Take a step of leaving; freezing closes every open study session, whose seconds so far stay.

    Args:
        by, approved_by: login or id of two people's accounts.

    Raises:
        InvalidInput: institution_unknown, staff_unknown, leaving_step_wrong, leaving_reason_malformed.
        NotPermitted: second_person_required, handover_role_wrong.
    """
    if step is Leaving.HANDED_OVER:
        raise InvalidInput(
            "leaving_step_wrong", "“已移交”由接收回执记入(archive receipt),不能直接填写。", http_status=409
        )
    first, second = two_people(house, institution, by, approved_by)
    with house.uow.for_institution(institution) as tx:
        if house.at(tx).registry_store.institution() is None:
            raise InvalidInput("institution_unknown", "没有这家机构。", http_status=404)
        taken = Leavings(tx, house.clock).take(step, reason=reason, by=first, approved_by=second)
        if step is Leaving.FROZEN:
            presence = house.at(tx).presence
            for session in tx.session.scalars(
                select(StudySessionRow.id).where(
                    StudySessionRow.institution_id == institution, StudySessionRow.open.is_(True)
                )
            ).all():
                presence.close_session(StudySessionId(session), CLOSED_BY_LEAVING)
    return taken


def require_frozen(house: "House", tx: Tx) -> datetime:
    """Return since when nothing is taught, if all that was handed in before is worked off.

    Raises:
        InvalidInput: handover_not_frozen, handover_sessions_open, handover_work_waiting.
    """
    leavings = Leavings(tx, house.clock)
    steps = [one for one in leavings.all() if one.step is Leaving.FROZEN]
    now = leavings.now()
    if now is None or not now.shut or not steps:
        raise InvalidInput(
            "handover_not_frozen", "请先宣布移交并停止授课(archive leave),再打包。", http_status=409
        )
    sessions = select(func.count(StudySessionRow.id)).where(
        StudySessionRow.institution_id == tx.institution_id, StudySessionRow.open.is_(True)
    )
    if tx.session.scalar(sessions):
        raise InvalidInput("handover_sessions_open", "还有学习连接没有结束,请稍后再打包。", http_status=409)
    waiting = select(func.count(JobRow.id)).where(
        JobRow.institution_id == tx.institution_id,
        JobRow.kind.in_(_UNDER_WAY),
        JobRow.state.in_(("open", "leased")),
    )
    if tx.session.scalar(waiting):
        raise InvalidInput(
            "handover_work_waiting",
            "停止授课前送来的内容还没有处理完,请让后台进程处理完毕后再打包。",
            http_status=409,
        )
    return steps[-1].at
