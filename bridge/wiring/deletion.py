"""What a learner's request for deletion comes to: what goes, what stays, why and until when; and doing it.

The same list is shown to staff before they answer and to the learner afterwards. Two people answer: what was destroyed
cannot be brought back. What may go goes by its key, with a receipt; nothing that the list keeps is touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bridge.db.data_keys import DataKeyRow
from bridge.db.unit_of_work import Tx
from bridge.db.vault import EvidenceRow
from bridge.identity.consent import FACE
from bridge.identity.deletion_requests import DeletionRequest
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.face_rows import likenesses_of
from bridge.presence.model import CheckState
from bridge.wiring.key_ends import destroy_key, needed_by, scope_of
from bridge.wiring.key_terms import OF_THE_ARCHIVE, KeyTerms, Term
from bridge.wiring.person_ends import counts

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

RECORD, LIKENESS = "training_record", "face_likeness"
"""What lies under no key of evidence: the record itself (name, number, employer, hours), and a note of likeness."""
PURPOSES_ZH: Mapping[str, str] = {
    EvidencePurpose.ID_PHOTO: "报名证件照",
    EvidencePurpose.FACE_FRAME: "核验时拍摄的照片",
    EvidencePurpose.FACE_TEMPLATE: "人脸特征",
    EvidencePurpose.CERTIFICATE: "证明文件",
    EvidencePurpose.LEARNER_FILE: "培训电子档案",
    EvidencePurpose.REGULATOR_BATCH: "报送监管平台的记录",
    EvidencePurpose.IDENTITY_EVIDENCE: "身份变更的证明材料",
    RECORD: "身份信息和学时台账",
    LIKENESS: "人脸查重提示",
}
WHY_ZH: Mapping[str, str] = {
    "withdrawn": "已撤回刷脸同意",
    "no_duty": "没有保存要求,也不再需要",
    "exam_list": "班次尚未结束,考试报名名单还要用,结束后可以再申请",
    "not_evidence": "没有用于计学时、核验或申诉",
    "time_over": "保存期已满",
    "consent_again": "刷脸同意又已生效,仍在使用",
    "review_open": "核验结果正在复核或申诉,结束后才能销毁",
    "legal_hold": "已办理档案保全,解除前不能销毁",
    "archive": "属于培训档案,保存期内不能因个人要求删除",
    "change_evidence": "供核对身份变更",
    "staff_check": "供工作人员核对是否一人多名登记",
    "no_term": "规则没有给出保存期限",
}
_ARCHIVE_LAW = "粤应急规〔2022〕3号第十五条、第二十六条"
_EVIDENT = frozenset(CheckState) - {CheckState.OPEN, CheckState.DECLINED}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is kept of the learner.

    Args:
        what: a purpose of evidence, `RECORD` or `LIKENESS`; class_run: "" for what belongs to none.
        why: a code of `WHY_ZH`.
        until: of what stays, the last legal day (ISO 8601) on which it is kept; None where no day is known yet.
        by: where that day comes from, in words; "" for what goes.
        key: the data key; "" for what lies under none.
    """

    what: str
    class_run: str
    pieces: int
    goes: bool
    why: str
    until: str | None
    by: str
    key: str


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What an answer would do now; `lines` begin with what goes."""

    lines: tuple[Line, ...]

    @property
    def goes(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.goes)

    @property
    def stays(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.goes)

    @property
    def outcome(self) -> str:
        """Return what the answer says, a code of `deletion_requests.OUTCOMES`."""
        if self.goes:
            return "deleted"
        return "kept_by_law" if self.stays else "nothing_kept"

    @property
    def digest(self) -> str:
        """Return what the second person confirms: the keys that go, and why the rest stays.

        Not how many pieces stay: a learner who goes on adds some every day.
        """
        goes = [[line.key, line.pieces] for line in self.goes]
        stays = sorted({(line.what, line.class_run, line.why) for line in self.stays})
        return sha256_hex(canonical_json({"goes": sorted(goes), "stays": [list(one) for one in stays]}))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the lines for the request's row, without the names of keys."""
        return [{name: value for name, value in asdict(line).items() if name != "key"} for line in self.lines]


def deletion_plan(house: "House", tx: Tx, learner: LearnerRef) -> DeletionPlan:
    """Return what an answer to the learner's request would do now, over all records of the human."""
    stations, terms = house.at(tx), KeyTerms(house, tx)
    records = stations.changes.records_of(learner)
    again = stations.identity.consent_in_force(records[0], FACE)
    lines = [*_keys(house, tx, stations, terms, records, again), *_rows(stations, tx, terms, records)]
    return DeletionPlan(tuple(sorted(lines, key=lambda line: (not line.goes, line.class_run, line.what))))


def said_in_words(lines: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the lines of a plan, or of an answer that was given, as pages show them.

    Args:
        titles: of class runs, by their ids.
    """
    return [
        {
            **line,
            "what_zh": PURPOSES_ZH.get(line["what"], line["what"]),
            "why_zh": WHY_ZH.get(line["why"], line["why"]),
            "run": titles.get(line["class_run"], line["class_run"]),
            # What stays for the same reason until the same day is read in one breath.
            "group": "|".join((line["class_run"], line["why"], line["until"] or "", line["by"])),
        }
        for line in lines
    ]


def propose_answer(house: "House", tx: Tx, request_id: str, shown: str, by: str) -> DeletionRequest:
    """Keep that a member of staff would answer with the plan that was shown.

    Raises:
        InvalidInput: deletion_plan_changed; those of `DeletionRequests.propose`.
    """
    requests = house.at(tx).deletion_requests
    request = requests.get(request_id)
    if deletion_plan(house, tx, request.learner).digest != shown:
        raise _changed()
    return requests.propose(request_id, shown, by)


def carry_out(house: "House", tx: Tx, request_id: str, shown: str, by: str) -> DeletionRequest:
    """Answer as the second person, and destroy what the plan lets go, in one unit of work; twice by the same is once.

    Raises:
        InvalidInput: deletion_plan_changed; those of `DeletionRequests.answer`.
        NotPermitted("second_person_required")
    """
    stations = house.at(tx)
    request = stations.deletion_requests.require_second(request_id, shown, by)
    if request.handled_at is not None:
        return request
    plan = deletion_plan(house, tx, request.learner)
    if plan.digest != shown:
        raise _changed()
    going = {line.key for line in plan.goes}
    for key in _live_keys(tx, stations.changes.records_of(request.learner)):
        if key.id in going:
            destroy_key(stations, tx, scope_of(key), reason="requested", by=by)
    return stations.deletion_requests.answer(request_id, plan.outcome, plan.to_json(), by)


def _keys(
    house: "House",
    tx: Tx,
    stations: "Stations",
    terms: KeyTerms,
    records: Sequence[LearnerRef],
    again: bool,
) -> Iterator[Line]:
    keys = _live_keys(tx, records)
    counted = (
        select(EvidenceRow.key_id, func.count())
        .where(EvidenceRow.key_id.in_([key.id for key in keys]))
        .group_by(EvidenceRow.key_id)
    )
    pieces = dict(tx.session.execute(counted).all())
    for key in keys:
        if not pieces.get(key.id):
            continue
        term = terms.of(key)
        goes, why = _judged(house, tx, stations, terms, key, term, again)
        yield Line(
            key.purpose,
            key.class_run_id,
            pieces[key.id],
            goes,
            why,
            None if goes else _day(term),
            "" if goes else _words(term, why),
            key.id,
        )


def _judged(
    house: "House",
    tx: Tx,
    stations: "Stations",
    terms: KeyTerms,
    key: DataKeyRow,
    term: Term | None,
    again: bool,
) -> tuple[bool, str]:
    """Return whether what lies under a key goes, and why."""
    needed = needed_by(house, tx, scope_of(key))
    if needed is not None:
        return False, needed
    if term is not None and term.is_over(terms.today) and key.purpose not in _BY_DISPOSAL:
        return True, "time_over"
    match key.purpose:
        case EvidencePurpose.FACE_TEMPLATE:
            return (False, "consent_again") if again else (True, "withdrawn")
        case EvidencePurpose.ID_PHOTO if not again and _awaits_exam(tx, stations, terms, key):
            # It came with the enrolment and rests on no consent to faces: what it is for is not over.
            return False, "exam_list"
        case EvidencePurpose.ID_PHOTO:
            return (False, "consent_again") if again else (True, "no_duty")
        case EvidencePurpose.FACE_FRAME if not _rests_on_frames(stations, key):
            return (False, "consent_again") if again else (True, "not_evidence")
        case EvidencePurpose.IDENTITY_EVIDENCE:
            return False, "change_evidence"
        case _ if key.purpose in OF_THE_ARCHIVE:
            return False, "archive"
    return False, "no_term"


_BY_DISPOSAL = frozenset({EvidencePurpose.CERTIFICATE.value, EvidencePurpose.LEARNER_FILE.value})
"""Two people dispose of these with the whole archive of a class run, never a single learner's wish."""


def _awaits_exam(tx: Tx, stations: "Stations", terms: KeyTerms, key: DataKeyRow) -> bool:
    """Return whether the photograph's person studied in its class run, which has not closed: exam lists name both."""
    run = terms.runs.get(ClassRunId(key.class_run_id))
    if run is None or run.closes_on < terms.today:
        return False
    whose = tx.session.scalar(select(EnrolmentListRow.learner).where(EnrolmentListRow.id == key.subject))
    return whose is not None and counts(stations, LearnerRef(whose), run.id)


def _rests_on_frames(stations: "Stations", key: DataKeyRow) -> bool:
    """Return whether time, a paper or the outcome of a check rests on the frames of a class run."""
    learner, run = LearnerRef(key.subject), ClassRunId(key.class_run_id)
    if counts(stations, learner, run):
        return True
    return any(check.state in _EVIDENT for check in stations.presence_store.checks_of(learner, run))


def _rows(stations: "Stations", tx: Tx, terms: KeyTerms, records: Sequence[LearnerRef]) -> Iterator[Line]:
    for record in records:
        for run in stations.registry.class_runs_of(record):
            term = terms.archive(run)
            yield Line(RECORD, run, 1, False, "archive", _day(term), _words(term, "archive"), "")
    for found_at, run in likenesses_of(tx, records):
        term = terms.of_likeness(found_at)
        yield Line(LIKENESS, run, 1, False, "staff_check", _day(term), _words(term, "staff_check"), "")


def _live_keys(tx: Tx, records: Sequence[LearnerRef]) -> Sequence[DataKeyRow]:
    rows = tx.session.scalars(select(EnrolmentListRow.id).where(EnrolmentListRow.learner.in_(records)))
    return tx.session.scalars(
        select(DataKeyRow)
        .where(DataKeyRow.subject.in_([*records, *rows]), DataKeyRow.destroyed_at.is_(None))
        .order_by(DataKeyRow.created_at, DataKeyRow.id)
    ).all()


def _day(term: Term | None) -> str | None:
    return None if term is None or term.until is None else term.until.isoformat()


def _words(term: Term | None, why: str) -> str:
    """Return by what something stays: the law for the archive, and the pack's own sentence."""
    rule = "" if term is None else f"{term.rule.parameter.text_zh}({term.rule.parameter.citation})"
    return f"{_ARCHIVE_LAW};{rule}" if why == "archive" else rule


def _changed() -> InvalidInput:
    return InvalidInput(
        "deletion_plan_changed", "将销毁和保留的内容刚有变化,请重新核对后再提出。", http_status=409
    )
