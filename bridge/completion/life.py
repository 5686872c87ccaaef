"""Use cases of a paper's life after its issue: one person proposes a change, another confirms it."""

from collections.abc import Sequence
from datetime import date

from bridge.completion.life_model import (
    CONFIRMED,
    REASONS_OF,
    REFUSED,
    REVOKED,
    SUPERSEDED,
    PaperChange,
    PaperChangeKind,
    may_become,
)
from bridge.completion.life_tables import SqlPaperChanges
from bridge.completion.model import IssuedPaper
from bridge.completion.service import CompletionService
from bridge.completion.store import SqlCompletionStore
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.events import Events
from bridge.kernel.ids import ClassRunId, LearnerRef, new_id
from bridge.kernel.time import Clock, legal_date, rfc3339

STATUS_CHANGED = "certificate.status_changed"


class PaperLife:
    """Changes of one institution's papers, in one unit of work. What is confirmed shows at once wherever papers do."""

    def __init__(
        self,
        changes: SqlPaperChanges,
        papers: SqlCompletionStore,
        completion: CompletionService,
        events: Events,
        clock: Clock,
    ) -> None:
        self._changes = changes
        self._papers = papers
        self._completion = completion
        self._events = events
        self._clock = clock

    def propose(
        self,
        number: str,
        what: PaperChangeKind,
        *,
        reason: str,
        by: str,
        expires_on: date | None = None,
    ) -> PaperChange:
        """Keep a proposal; it changes nothing until another person confirms it.

        Raises:
            InvalidInput: certificate_unknown, paper_reason_unknown, paper_expiry_date, paper_change_unfit,
                paper_change_waits (one is proposed already).
        """
        paper = self._paper(number)
        if reason not in REASONS_OF[what]:
            raise InvalidInput("paper_reason_unknown", "请选择原因。")
        today = legal_date(self._clock.now())
        if (what is PaperChangeKind.EXPIRE) != (expires_on is not None) or (
            expires_on is not None and expires_on < today
        ):
            raise InvalidInput("paper_expiry_date", "请填写失效日期，不能早于今天。")
        self._require_fit(paper, what)
        if any(
            one.number == number and one.state == "proposed"
            for one in self._changes.of(paper.learner, paper.class_run)
        ):
            raise InvalidInput(
                "paper_change_waits", "这份证明已有一项变更等待确认，请先处理。", http_status=409
            )
        one = PaperChange(
            id=new_id("pch"),
            number=number,
            learner=paper.learner,
            class_run=paper.class_run,
            what=what,
            reason=reason,
            expires_on=expires_on,
            proposed_by=by,
            proposed_at=self._clock.now(),
        )
        self._changes.add(one)
        return one

    def confirm(self, change: str, by: str) -> PaperChange:
        """Confirm as the second person, and change the paper in the same unit of work. Twice by one person is once.

        Raises:
            InvalidInput: paper_change_unknown, paper_change_decided, paper_change_unfit; paper_not_due (SUPERSEDE: on
                today's hours no such paper is due; the sentence says what is missing); "glyph_missing".
            NotPermitted("second_person_required"): `by` proposed it.
        """
        one = self._known(change)
        if by == one.proposed_by:
            raise NotPermitted("second_person_required", "须由另一名工作人员确认,提出人不能自己确认。")
        now = self._clock.now()
        if not self._changes.decide(change, CONFIRMED, by, now):
            one = self._known(change)
            if (one.state, one.decided_by) != (CONFIRMED, by):
                raise InvalidInput(
                    "paper_change_decided", "这项变更已由其他工作人员处理,请刷新。", http_status=409
                )
            return one
        paper = self._paper(one.number)
        self._require_fit(paper, one.what)
        replaced_by = None
        if one.what is PaperChangeKind.EXPIRE and one.expires_on is not None:
            self._papers.set_expiry(one.number, one.expires_on)
        elif one.what is PaperChangeKind.REVOKE:
            self._papers.set_status(one.number, REVOKED)
        else:
            replaced_by = self._supersede(paper)
            self._changes.note_replacement(change, replaced_by)
        self._events.emit(
            STATUS_CHANGED,
            one.number,
            occurred_at=now,
            idempotency_key=one.id,
            data={
                "number": one.number,
                "learner": one.learner,
                "class_run": one.class_run,
                "kind": paper.kind.value,
                "what": one.what.value,
                "reason": one.reason,
                "status": self._paper(one.number).status,
                "expires_on": None if one.expires_on is None else one.expires_on.isoformat(),
                "replaced_by": replaced_by,
                "proposed_by": one.proposed_by,
                "confirmed_by": by,
                "at": rfc3339(now),
            },
        )
        return self._known(change)

    def refuse(self, change: str, by: str) -> PaperChange:
        """Refuse a proposal, or take one's own back; InvalidInput as `confirm`."""
        one = self._known(change)
        if not self._changes.decide(change, REFUSED, by, self._clock.now()) and one.state != REFUSED:
            raise InvalidInput(
                "paper_change_decided", "这项变更已由其他工作人员处理,请刷新。", http_status=409
            )
        return self._known(change)

    def of(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[PaperChange]:
        """Return the changes of the learner's papers in the class run, newest first."""
        return self._changes.of(learner, class_run)

    def _supersede(self, paper: IssuedPaper) -> str:
        # Out of the way first: of one kind a learner has one valid paper in a class run, and the database holds that.
        if paper.status != REVOKED:
            self._papers.set_status(paper.number, SUPERSEDED)
        decision = self._completion.reissue(paper)
        if decision.value is None:
            missing = "".join(reason.sentence_zh for reason in decision.reasons)
            raise InvalidInput("paper_not_due", f"按今天重算的学时不能换发:{missing}", http_status=409)
        self._papers.set_replaced_by(paper.number, decision.value.number)
        return decision.value.number

    def _require_fit(self, paper: IssuedPaper, what: PaperChangeKind) -> None:
        if not may_become(paper, what):
            raise InvalidInput(
                "paper_change_unfit", "这份证明目前的状态不能做这项变更,请刷新。", http_status=409
            )

    def _paper(self, number: str) -> IssuedPaper:
        paper = self._papers.paper_by_number(number)
        if paper is None:
            raise InvalidInput("certificate_unknown", "没有这份证明,请检查编号。", http_status=404)
        return paper

    def _known(self, change: str) -> PaperChange:
        one = self._changes.get(change)
        if one is None:
            raise InvalidInput("paper_change_unknown", "没有这项变更,请刷新后重试。", http_status=404)
        return one
