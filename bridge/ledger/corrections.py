"""Corrections by two people: one proposes, another confirms, and the ledger gets an entry. Also 转班."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.kernel.time import Clock, rfc3339
from bridge.ledger.correction_tables import (
    CONFIRMED,
    REFUSED,
    Correction,
    SqlCorrectionStore,
)
from bridge.ledger.model.corrections import REASONS_ZH, CorrectionKind
from bridge.ledger.model.entries import is_sha256
from bridge.ledger.model.facts import PASSED, attendance_records, read_facts
from bridge.ledger.model.statement import SecondsStatement
from bridge.ledger.ports import ClassRunSheets
from bridge.ledger.service import LedgerService
from bridge.registry.model import ClassRunSheet

CORRECTION_CONFIRMED = "ledger.correction_confirmed"
_MAX_MS = 2**53 - 1
_OFFLINE = ("outline_unit", "start_ms", "end_ms", "class_hours", "teacher", "place", "sheet_sha256")
"""What a transfer brings of an offline session."""


class Corrections:
    """Corrections of one institution's ledgers, in one unit of work.

    Args:
        has_papers: whether a paper was issued on the learner's class run.
        clock: real time, for when people proposed and decided.
    """

    def __init__(
        self,
        store: SqlCorrectionStore,
        ledger: LedgerService,
        sheets: ClassRunSheets,
        events: Events,
        clock: Clock,
        has_papers: Callable[[LearnerRef, ClassRunId], bool],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._sheets = sheets
        self._events = events
        self._clock = clock
        self._has_papers = has_papers

    def propose(
        self,
        what: CorrectionKind,
        learner: LearnerRef,
        class_run: ClassRunId,
        details: Mapping[str, Any],
        *,
        reason: str,
        by: str,
        document_sha256: str | None = None,
    ) -> Correction:
        """Keep a proposal; it changes nothing until another person confirms it.

        Args:
            details: WITHDRAW: start_ms, end_ms (study clock); CHECK_VOID: check; OFFLINE_VOID: outline_unit,
                start_ms, end_ms; TRANSFER_OUT: to (a class run in which the learner is enrolled too).
            document_sha256: of the scanned decision, lower-case hex.

        Raises:
            InvalidInput: correction_reason_unknown, document_malformed, correction_times, check_unknown,
                check_passed, offline_unknown, and those of `_require_transferable`.
        """
        if reason not in REASONS_ZH:
            raise InvalidInput("correction_reason_unknown", "请选择更正原因。")
        if document_sha256 is not None and not is_sha256(document_sha256):
            raise InvalidInput("document_malformed", "证明材料的校验值应为 64 位十六进制数,请重新上传。")
        one = Correction(
            id=new_id("cor"),
            learner=learner,
            class_run=class_run,
            what=what,
            details=self._checked(what, learner, class_run, details),
            reason=reason,
            document_sha256=document_sha256,
            proposed_by=by,
            proposed_at=self._clock.now(),
        )
        self._store.add(one)
        return one

    def confirm(self, correction: str, by: str) -> Correction:
        """Confirm as the second person; the entry follows. Twice by the same person is once.

        Raises:
            InvalidInput: correction_unknown, correction_decided (by somebody else, or refused).
            NotPermitted("second_person_required"): `by` proposed it.
        """
        one = self._known(correction)
        if by == one.proposed_by:
            raise NotPermitted("second_person_required", "更正须由另一名工作人员确认,提出人不能自己确认。")
        now = self._clock.now()
        self._store.decide(correction, CONFIRMED, by, now)
        one = self._known(correction)
        if (one.state, one.decided_by) != (CONFIRMED, by):
            raise InvalidInput("correction_decided", "这项更正已由其他工作人员处理,请刷新。", http_status=409)
        self._events.emit(
            CORRECTION_CONFIRMED,
            one.learner,
            occurred_at=now,
            idempotency_key=one.id,
            data={
                "correction": one.id,
                "learner": one.learner,
                "class_run": one.class_run,
                "what": one.what.value,
                "reason": one.reason,
                "proposed_by": one.proposed_by,
                "confirmed_by": by,
                "at": rfc3339(now),
            },
        )
        return one

    def refuse(self, correction: str, by: str) -> Correction:
        """Refuse a proposal, or take one's own back; InvalidInput as `confirm`."""
        one = self._known(correction)
        if not self._store.decide(correction, REFUSED, by, self._clock.now()) and one.state != REFUSED:
            raise InvalidInput("correction_decided", "这项更正已由其他工作人员处理,请刷新。", http_status=409)
        return self._known(correction)

    def of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[Correction]:
        """Return the learner's corrections in the class run, newest first."""
        return self._store.of(learner, class_run)

    def enter(self, correction: str) -> bool:
        """Enter a confirmed correction in the ledger; False if it stands there already.

        Raises:
            InvalidInput: correction_not_confirmed; for a transfer also `_require_transferable`'s.
        """
        one = self._known(correction)
        if one.state != CONFIRMED or one.decided_by is None:
            raise InvalidInput("correction_not_confirmed", "这项更正还没有第二名工作人员确认。")
        said = {
            "correction": one.id,
            "reason": one.reason,
            "document_sha256": one.document_sha256,
            "proposed_by": one.proposed_by,
            "confirmed_by": one.decided_by,
        }
        if one.what is CorrectionKind.TRANSFER_OUT:
            return self._transfer(one, said)
        return self._ledger.record_correction(
            {
                **said,
                **one.details,
                "what": one.what.value,
                "learner": one.learner,
                "class_run": one.class_run,
            }
        )

    def _transfer(self, one: Correction, said: Mapping[str, Any]) -> bool:
        """Write off the old class run and bring its credit into the new one, in one unit of work."""
        old, new = one.class_run, ClassRunId(one.details["to"])
        # Locked before looking, always in the same order, so that nothing is credited in between.
        for run in sorted((old, new)):
            self._ledger.lock(one.learner, run)
        if self._ledger.has_correction(one.learner, old, one.id):
            return False
        from_sheet, to_sheet = self._require_transferable(one.learner, old, new)
        worth = self._ledger.statement(one.learner, old)
        head = self._ledger.head(one.learner, old)
        records = attendance_records(self._ledger.entries(one.learner, old))
        common = {**said, "learner": one.learner}
        self._ledger.record_correction(
            {**common, "class_run": old, "what": CorrectionKind.TRANSFER_OUT.value, "to": new}
        )
        self._ledger.record_correction(
            {
                **common,
                "class_run": new,
                "what": CorrectionKind.TRANSFER_IN.value,
                "from": old,
                "from_head": head.hash,
                "outline": from_sheet.outline.id,
                "units": _carried(worth, from_sheet, to_sheet),
                "offline": [
                    {name: records[session.key][name] for name in _OFFLINE} for session in worth.offline
                ],
            }
        )
        return True

    def _checked(
        self, what: CorrectionKind, learner: LearnerRef, class_run: ClassRunId, details: Mapping[str, Any]
    ) -> dict[str, Any]:
        if what is CorrectionKind.WITHDRAW:
            start, end = details["start_ms"], details["end_ms"]
            if not 0 <= start < end <= _MAX_MS:
                raise InvalidInput("correction_times", "结束时间应晚于开始时间,请核对。")
            return {"start_ms": start, "end_ms": end}
        facts = read_facts(self._ledger.entries(learner, class_run))
        if what is CorrectionKind.CHECK_VOID:
            found = [check for check in facts.checks if check.check == details["check"]]
            if not found:
                raise InvalidInput("check_unknown", "台账中没有这次核验,请刷新后重新选择。")
            if found[0].outcome == PASSED:
                raise InvalidInput("check_passed", "这次核验已通过;要扣除学习时间请选择扣除一段时间。")
            return {"check": found[0].check}
        if what is CorrectionKind.OFFLINE_VOID:
            key = (details["outline_unit"], details["start_ms"], details["end_ms"])
            if key not in {one.key for one in facts.offline}:
                raise InvalidInput("offline_unknown", "台账中没有这次线下课,请刷新后重新选择。")
            return dict(zip(("outline_unit", "start_ms", "end_ms"), key, strict=True))
        if what is CorrectionKind.TRANSFER_OUT:
            self._require_transferable(learner, class_run, ClassRunId(details["to"]))
            return {"to": details["to"]}
        raise InvalidInput("correction_kind", "转入由转出自动产生,不能单独提出。")

    def _require_transferable(
        self, learner: LearnerRef, old: ClassRunId, new: ClassRunId
    ) -> tuple[ClassRunSheet, ClassRunSheet]:
        """Return both sheets.

        Raises:
            InvalidInput: transfer_same_class_run, not_enrolled (in one of them), transfer_outline_differs,
                transfer_kind_differs, transfer_paper_issued, transfer_frozen, transfer_unconfirmed, transfer_done
                (one of them was left before).
        """
        if old == new:
            raise InvalidInput("transfer_same_class_run", "请选择另一个班次。")
        sheets = self._sheets.class_run_sheet(old, learner), self._sheets.class_run_sheet(new, learner)
        if sheets[0].outline != sheets[1].outline:
            raise InvalidInput(
                "transfer_outline_differs", "两个班次的培训大纲不是同一版本,学时不能转入,请核对班次。"
            )
        if sheets[0].class_run.kind != sheets[1].class_run.kind:
            raise InvalidInput("transfer_kind_differs", "两个班次的培训类别不同,学时不能转入,请核对班次。")
        if self._has_papers(learner, old):
            raise InvalidInput("transfer_paper_issued", "原班次已出具证明,不能再转出学时。")
        figures = self._ledger.statement(learner, old).figures
        if figures.frozen_ms:
            raise InvalidInput(
                "transfer_frozen", "原班次还有因机构原因冻结的学习时间,请机构先补办手续再转班。"
            )
        if figures.provisional_ms or figures.pending_ms:
            # It would be left behind, and its media counted as seen.
            raise InvalidInput(
                "transfer_unconfirmed",
                "原班次还有学习时间等待核验或测验确认。请学员先通过核验、完成测验,再转班;不再需要的时段可先申请扣除。",
            )
        for run in (old, new):
            facts = read_facts(self._ledger.entries(learner, run))
            if any(fact.what is CorrectionKind.TRANSFER_OUT for fact in facts.corrections):
                raise InvalidInput(
                    "transfer_done", "学员已从其中一个班次转出,不能再次转班到该班次或从该班次转出。"
                )
        return sheets

    def _known(self, correction: str) -> Correction:
        one = self._store.get(correction)
        if one is None:
            raise InvalidInput("correction_unknown", "没有这项更正,请刷新后重试。", http_status=404)
        return one


def _carried(
    worth: SecondsStatement, from_sheet: ClassRunSheet, to_sheet: ClassRunSheet
) -> list[dict[str, Any]]:
    """Return what each course unit of the new class run gets.

    The same course: unit by unit, with the media that was seen. Another course of the same outline: what was credited
    of each part of the outline goes to the first unit that teaches it; its media is other media.
    """
    credited = {unit.unit: unit for unit in worth.units if unit.figures.credited_ms}
    if from_sheet.course == to_sheet.course:
        return [
            {
                "unit": name,
                "credited_ms": unit.figures.credited_ms,
                "seen": unit.seen_media.pairs(),
                "furthest_ms": unit.furthest_ms,
            }
            for name, unit in credited.items()
        ]
    totals: dict[str, int] = {}
    for course_unit in from_sheet.course.units:
        if course_unit.outline_unit_id is not None and course_unit.id in credited:
            part = course_unit.outline_unit_id
            totals[part] = totals.get(part, 0) + credited[course_unit.id].figures.credited_ms
    brought = []
    for part, milliseconds in totals.items():
        taught = [unit.id for unit in to_sheet.course.units if unit.outline_unit_id == part]
        if not taught:
            raise InvalidInput(
                "transfer_unit_missing", "新班次的课程没有对应的大纲单元,学时不能转入,请核对课程。"
            )
        brought.append({"unit": taught[0], "credited_ms": milliseconds, "seen": [], "furthest_ms": 0})
    return brought
