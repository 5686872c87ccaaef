"""Changes to a person's record by two people: proposed with evidence by one, confirmed by another.

Until then who proposed it may take it back; the second person may refuse it. What was decided stays as it was decided.
"""

import hmac
from collections.abc import Sequence
from datetime import date, timedelta

from bridge.identity.change_model import (
    EVIDENCE_ZH,
    KINDS_ZH,
    VERSIONS,
    Change,
    ChangeKind,
    ChangeState,
)
from bridge.identity.change_store import SqlChanges
from bridge.identity.documents import plain_number, read_document
from bridge.identity.model import (
    FACE_RESET_REASONS,
    RELEASE_REASONS,
    UNMERGE_REASONS,
    is_name,
    normalise_name,
)
from bridge.identity.ports import IdentityStore, Now
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef, new_id
from bridge.kernel.time import legal_date

MAX_EVIDENCE_BYTES = 5 * 1024 * 1024
_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"%PDF-": "application/pdf"}
_EARLIEST = date(1990, 1, 1)
_AHEAD = timedelta(days=366)
"""Practice: a later day is a slip of the pen."""
_LONGEST_EMPLOYER = 100
_LONGER_THAN_PASSPORTS = 10


class Changes:
    """Changes of one institution's people, within one unit of work.

    Args:
        clock: real time.
    """

    def __init__(self, changes: SqlChanges, store: IdentityStore, evidence: EvidencePort, clock: Now) -> None:
        self._changes = changes
        self._store = store
        self._evidence = evidence
        self._clock = clock

    def of(self, learner: LearnerRef) -> Sequence[Change]:
        """Return all changes to a record, oldest first."""
        return self._changes.of(learner)

    def get(self, change_id: str) -> Change:
        """Return a change; InvalidInput("change_unknown")."""
        found = self._changes.get(change_id)
        if found is None:
            raise InvalidInput("change_unknown", "没有这项变更,请刷新页面。", http_status=404)
        return found

    def records_of(self, learner: LearnerRef) -> Sequence[LearnerRef]:
        """Return all records of the human, the one that goes on first."""
        return self._changes.records_of(learner)

    def propose_version(
        self,
        kind: ChangeKind,
        learner: LearnerRef,
        *,
        value: str,
        from_date: date,
        evidence_kind: str,
        evidence: bytes,
        by: str,
    ) -> Change:
        """Keep a new name, employer or document with its evidence; it is in force once another person confirms it.

        Args:
            value: as it is to stand on papers; a document by its number.
            from_date: legal day from which it is in force; a day that has passed alters no paper that was issued.

        Raises:
            InvalidInput: record_merged, name_malformed, employer_malformed, document_of_another_person,
                change_same, from_date_unlikely, evidence_kind_unknown, evidence_malformed, evidence_too_large,
                change_waiting, document_taken (it waits for another person), version_same_day; those of
                `read_document`.
        """
        if kind not in VERSIONS:
            raise ValueError(kind)
        self._require_own(learner)
        today = legal_date(self._clock.now())
        value = self._checked(kind, learner, value, today)
        if not _EARLIEST <= from_date <= today + _AHEAD:
            raise InvalidInput("from_date_unlikely", "请核对生效日期。", http_status=422)
        if any(
            one.kind is kind and one.from_date == from_date and one.state is ChangeState.CONFIRMED
            for one in self.of(learner)
        ):
            raise _same_day()
        return self._proposed(
            kind, learner, by, value=value, from_date=from_date, evidence=(evidence_kind, evidence)
        )

    def propose_merge(self, survivor: LearnerRef, other_number: str, *, evidence: bytes, by: str) -> Change:
        """Keep that the record with the document `other_number` is of the same human as `survivor`.

        Raises:
            InvalidInput: record_merged, merge_unknown, merge_same, change_waiting; those of evidence.
        """
        self._require_own(survivor)
        other = self._store.learner_with(plain_number(other_number))
        if other is None:
            raise InvalidInput("merge_unknown", "没有实名用过这个证件号码的学员记录。", http_status=422)
        if other == survivor:
            raise InvalidInput("merge_same", "这个证件号码已经是这名学员的。", http_status=422)
        return self._proposed(
            ChangeKind.MERGE,
            survivor,
            by,
            other=other,
            value=plain_number(other_number),
            evidence=("both_documents", evidence),
        )

    def propose_unmerge(
        self, survivor: LearnerRef, other: LearnerRef, *, reason: str, evidence: bytes, by: str
    ) -> Change:
        """Keep that the merge of `other` into `survivor` was wrong, with the documents of both as evidence.

        Raises:
            InvalidInput: unmerge_reason_unknown, merge_not_standing, change_waiting; those of evidence.
        """
        if reason not in UNMERGE_REASONS:
            raise InvalidInput("unmerge_reason_unknown", "请选择撤销合并的原因。", http_status=422)
        return self._proposed(
            ChangeKind.UNMERGE,
            survivor,
            by,
            other=other,
            value=self._standing_merge(survivor, other).value,
            reason=reason,
            evidence=("both_documents", evidence),
        )

    def propose_release(self, learner: LearnerRef, account_id: str, *, reason: str, by: str) -> Change:
        """Keep that the binding of an account is to be ended; InvalidInput: release_reason_unknown, change_waiting."""
        if reason not in RELEASE_REASONS:
            raise InvalidInput("release_reason_unknown", "请选择解绑原因。", http_status=422)
        return self._proposed(ChangeKind.RELEASE, learner, by, other=account_id, reason=reason)

    def propose_face_reset(self, learner: LearnerRef, class_run: str, *, reason: str, by: str) -> Change:
        """Keep that the learner is to register the face anew in a class run.

        Raises:
            InvalidInput: face_reset_reason_unknown, change_waiting.
        """
        if reason not in FACE_RESET_REASONS:
            raise InvalidInput("face_reset_reason_unknown", "请选择重新登记的原因。", http_status=422)
        return self._proposed(ChangeKind.FACE_RESET, learner, by, other=class_run, reason=reason)

    def confirm(self, change_id: str, *, by: str, typed: str | None = None) -> Change:
        """Confirm as the second person; twice by the same is once.

        Args:
            typed: the value, of a merge and of its undoing the other number, as the second person reads it off
                the evidence.

        Raises:
            InvalidInput: change_unknown, change_decided, value_differs, version_same_day,
                document_of_another_person, record_merged, merge_not_standing.
            NotPermitted("second_person_required"): `by` proposed it.
        """
        one = self.get(change_id)
        if one.state is ChangeState.CONFIRMED and one.decided_by == by:
            return one
        self._require_open(one)
        if one.proposed_by == by:
            raise NotPermitted("second_person_required", "须由另一名工作人员确认,提出人不能自己确认。")
        if one.value:
            if one.kind is not ChangeKind.UNMERGE:
                self._require_own(one.learner)
            if not hmac.compare_digest(_comparable(one.kind, typed or ""), _comparable(one.kind, one.value)):
                raise InvalidInput(
                    "value_differs", "与提出人填写的不一致,请对照证明材料重新输入。", http_status=422
                )
            if one.kind is ChangeKind.DOCUMENT:
                self._require_free(one.learner, one.value)
            elif one.kind is ChangeKind.UNMERGE:
                merge = self._standing_merge(one.learner, LearnerRef(one.other or ""))
                self._changes.undo_merge(merge.id)
        if not self._changes.decide(change_id, ChangeState.CONFIRMED, by, self._clock.now()):
            raise _same_day()
        return self.get(change_id)

    def withdraw(self, change_id: str, *, by: str) -> Change:
        """Take a change back that nobody decided; its proposer alone may.

        Raises:
            InvalidInput: change_unknown, change_decided.
            NotPermitted("not_the_proposer")
        """
        one = self.get(change_id)
        self._require_open(one)
        if one.proposed_by != by:
            raise NotPermitted("not_the_proposer", "只有提出人可以撤回;另一名工作人员可以不予确认。")
        return self._ended(one, ChangeState.WITHDRAWN, by)

    def refuse(self, change_id: str, *, by: str) -> Change:
        """Refuse a change as the second person.

        Raises:
            InvalidInput: change_unknown, change_decided.
            NotPermitted("second_person_required"): `by` proposed it.
        """
        one = self.get(change_id)
        self._require_open(one)
        if one.proposed_by == by:
            raise NotPermitted("second_person_required", "提出人请用撤回。")
        return self._ended(one, ChangeState.REFUSED, by)

    def file(self, change: Change) -> bytes:
        """Return the evidence's plain bytes; InvalidInput("evidence_unknown") if there is none (any more)."""
        if change.evidence is None:
            raise InvalidInput("evidence_unknown", "没有证明材料。", http_status=404)
        return self._evidence.get(self._store.institution_id, change.evidence)

    def _ended(self, one: Change, state: ChangeState, by: str) -> Change:
        self._changes.decide(one.id, state, by, self._clock.now())
        return self.get(one.id)

    def _proposed(
        self,
        kind: ChangeKind,
        learner: LearnerRef,
        by: str,
        *,
        other: str | None = None,
        value: str = "",
        from_date: date | None = None,
        reason: str = "",
        evidence: tuple[str, bytes] | None = None,
    ) -> Change:
        media_type, kept, sha256, sort = "", None, "", ""
        if evidence is not None:
            sort, content = evidence
            media_type = _media_type(sort, content)
            scope = EvidenceScope(
                self._store.institution_id, learner, EvidencePurpose.IDENTITY_EVIDENCE, None
            )
            kept, sha256 = self._evidence.put(scope, content, media_type), sha256_hex(content)
        change = Change(
            id=new_id("idc"),
            kind=kind,
            learner=learner,
            other=other,
            value=value,
            from_date=from_date,
            reason=reason,
            evidence_kind=sort,
            evidence=kept,
            evidence_sha256=sha256,
            evidence_type=media_type,
            proposed_by=by,
            proposed_at=self._clock.now(),
            state=ChangeState.PROPOSED,
            decided_by=None,
            decided_at=None,
        )
        if not self._changes.add(change):
            if kind is ChangeKind.DOCUMENT and self._changes.waits_elsewhere(learner, value):
                raise InvalidInput(
                    "document_taken",
                    "这个证件号码正在另一名学员的变更中等待确认,请先处理那一项。",
                    http_status=409,
                )
            raise InvalidInput(
                "change_waiting", f"这名学员有一项“{KINDS_ZH[kind]}”变更待确认,请先处理。", http_status=409
            )
        return change

    def _checked(self, kind: ChangeKind, learner: LearnerRef, value: str, today: date) -> str:
        """Return the value as it is kept."""
        if kind is ChangeKind.NAME:
            value = " ".join(value.split())
            if not is_name(normalise_name(value)):
                raise InvalidInput(
                    "name_malformed", "姓名只能填写文字和间隔点,请按证件填写。", http_status=422
                )
        elif kind is ChangeKind.EMPLOYER:
            value = " ".join(value.split())
            if not 2 <= len(value) <= _LONGEST_EMPLOYER or not value.isprintable():
                raise InvalidInput("employer_malformed", "请填写工作单位全称。", http_status=422)
        else:
            value = _number(value, today)
            self._require_free(learner, value)
        return value

    def _require_free(self, learner: LearnerRef, number: str) -> None:
        if self._store.learner_with(number) not in (None, learner):
            raise InvalidInput(
                "document_of_another_person",
                "这个证件号码已在另一份学员记录中。如确为同一人,请用“合并学员记录”。",
                http_status=409,
            )

    def _standing_merge(self, survivor: LearnerRef, other: LearnerRef) -> Change:
        found = self._changes.standing_merge(survivor, other)
        if found is None:
            raise InvalidInput("merge_not_standing", "这项合并不存在或已撤销,请刷新页面。", http_status=409)
        return found

    def _require_own(self, learner: LearnerRef) -> None:
        if self._changes.survivor_of(learner) != learner:
            raise InvalidInput(
                "record_merged", "这份记录已并入另一份学员记录,请在那份记录上办理。", http_status=409
            )

    @staticmethod
    def _require_open(one: Change) -> None:
        if one.state is not ChangeState.PROPOSED:
            raise InvalidInput("change_decided", "这项变更已有结果,不能再改,请刷新页面。", http_status=409)


def _number(text: str, today: date) -> str:
    try:
        return read_document(text, today).number
    except InvalidInput:
        # Digits alone may be a passport's; two people read them off the document.
        if len(plain_number(text)) >= _LONGER_THAN_PASSPORTS:
            raise
        return read_document(text, today, "护照").number


def _comparable(kind: ChangeKind, value: str) -> bytes:
    numbers = (ChangeKind.DOCUMENT, ChangeKind.MERGE, ChangeKind.UNMERGE)
    return (plain_number(value) if kind in numbers else normalise_name(value)).encode()


def _media_type(kind: str, content: bytes) -> str:
    if kind not in EVIDENCE_ZH:
        raise InvalidInput("evidence_kind_unknown", "请选择证明材料的种类。", http_status=422)
    if len(content) > MAX_EVIDENCE_BYTES:
        raise InvalidInput("evidence_too_large", "证明材料不能超过 5 MB。", http_status=422)
    for magic, media_type in _MAGIC.items():
        if content.startswith(magic):
            return media_type
    raise InvalidInput("evidence_malformed", "请上传证明材料:JPEG、PNG 照片或 PDF。", http_status=422)


def _same_day() -> InvalidInput:
    return InvalidInput(
        "version_same_day", "这一天已有一项已确认的变更生效,请核对生效日期。", http_status=409
    )
