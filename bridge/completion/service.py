"""Use cases of completion: decide a test, see what is due, issue a paper, show it to who holds its number."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.completion import composition
from bridge.completion.model import (
    Due,
    Earned,
    IssuedPaper,
    PaperKind,
    PrintedTable,
    PublicView,
    TestScore,
    without_person,
)
from bridge.completion.paper_number import new_verify_code, normalised
from bridge.completion.ports import (
    CompletionStore,
    EarnedHours,
    IdentityDisclosure,
    PaperNumbers,
    PaperPrinter,
    PaperSealer,
    Sheets,
    Standings,
    TestPresence,
)
from bridge.completion.score_decision import (
    SCORE_CHANGED,
    SCORE_REFUSED,
    TEST_DECIDED,
    decide,
    decided_data,
    is_mark,
    legal_dates,
)
from bridge.completion.seal_model import OPERATOR, SealHolder, seal_note
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import Unavailable
from bridge.kernel.events import Events
from bridge.kernel.evidence import EvidencePort, EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import Clock, StudyClock, legal_date
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import Decision, ProfileInForce, Reason, RuleBook

_NOT_ANCHORED = "人脸尚未与证件照或证件核对确认,暂不能出具证明,请完成人脸登记或请培训机构当面核对证件。"
_HOURS_DIFFER = "出具前重新计算的学时与此前认定的不一致,已停止出具,请联系运营方核对台账。"
_TEST_NOT_ANCHORED = "测试时所用的人脸登记尚未与证件照或证件核对确认,暂不能出具证明,请完成核对。"


class CompletionService:
    """Completion in one unit of work.

    Args:
        rules: every rule pack and profile; the sheet names which profile decides.
        public_url: what a QR code begins with, e.g. "https://bridge.example.cn".
        printer, sealer: None where nothing is to be issued.
        template: gives the institution's own template; None where the bridge's is used.
    """

    def __init__(
        self,
        store: CompletionStore,
        *,
        sheets: Sheets,
        standings: Standings,
        hours: EarnedHours,
        presence: TestPresence,
        rules: RuleBook,
        identity: IdentityDisclosure,
        evidence: EvidencePort,
        printer: PaperPrinter | None,
        sealer: PaperSealer | None,
        events: Events,
        clock: Clock,
        study_clock: StudyClock,
        public_url: str,
        numbers: PaperNumbers,
        template: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._store = store
        self._sheets = sheets
        self._standings = standings
        self._hours = hours
        self._presence = presence
        self._rules = rules
        self._identity = identity
        self._evidence = evidence
        self._printer = printer
        self._sealer = sealer
        self._numbers = numbers
        self._template = template
        self._events = events
        self._clock = clock
        self._study_clock = study_clock
        self._public_url = public_url.rstrip("/")

    def decide_test(self, score: TestScore) -> Decision[bool]:
        """Decide whether `score` counts, keep it, and tell; an attempt is decided once, however often sent.

        Another score for a decided attempt changes nothing, and is told as refused: the decision comes back with the
        reason "score_changed".

        Raises:
            InvalidInput: "score_malformed"; "not_enrolled" from the registry.
            NoRuleInForce: a rule is missing; nothing is kept.
        """
        known = self._store.test_decision(score.learner, score.class_run, score.unit, score.attempt)
        if known is not None:
            if is_mark(score, known[0], known[1]):
                return Decision(known[2])
            return self._refuse_second_score(score, known)
        sheet = self._sheets.class_run_sheet(score.class_run, score.learner)
        seen = self._presence.evidence(score)
        now = self._study_clock.now()
        decision = decide(score, seen, self._profile(sheet), legal_dates(sheet, now))
        codes = [reason.code for reason in decision.reasons]
        self._store.add_test_decision(score, seen, decision.value, codes, self._clock.now())
        self._events.emit(
            TEST_DECIDED,
            score.learner,
            occurred_at=now,
            idempotency_key=score.message,
            data=decided_data(score, seen, decision),
        )
        return decision

    def _refuse_second_score(self, score: TestScore, known: tuple[str, str, bool]) -> Decision[bool]:
        # Told, not raised: a job that died over it would be seen by the operator alone, and stay for ever.
        self._events.emit(
            SCORE_REFUSED,
            score.learner,
            occurred_at=self._clock.now(),
            idempotency_key=score.message,
            data={
                "learner": score.learner,
                "class_run": score.class_run,
                "unit": score.unit,
                "attempt": score.attempt,
                "message": score.message,
                "reason": SCORE_CHANGED.code,
                "decided": f"{known[0]}/{known[1]}",
                "refused": f"{score.score}/{score.maximum}",
                "finished_real": score.finished_real,
            },
        )
        return Decision(known[2], (SCORE_CHANGED,))

    def assess(self, learner: LearnerRef, class_run: ClassRunId) -> Due:
        """Find which papers are due now and tell of each once; also return what is still missing."""
        sheet = self._sheets.class_run_sheet(class_run, learner)
        earned = self._hours.earned(learner, class_run)
        due = self._due(sheet, earned)
        for kind in due.papers:
            if self._store.paper(learner, class_run, kind) is None:
                self._events.emit(
                    "completion.due",
                    learner,
                    occurred_at=self._study_clock.now(),
                    idempotency_key=f"{kind}|{learner}|{class_run}",
                    data={
                        "learner": learner,
                        "class_run": class_run,
                        "kind": kind.value,
                        "figures": composition.figures(earned),
                    },
                )
        return due

    def due(self, learner: LearnerRef, class_run: ClassRunId) -> Due:
        """Return which papers are due now and what is still missing, and tell nobody."""
        sheet = self._sheets.class_run_sheet(class_run, learner)
        return self._due(sheet, self._hours.earned(learner, class_run))

    def issue(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        kind: PaperKind,
        expected: Mapping[str, Any] | None = None,
    ) -> Decision[IssuedPaper | None]:
        """Issue the paper, or return the one that was issued, or None with the reasons why it is not due.

        Hours are recomputed here from the whole ledger: what an event said earlier is not believed. A paper that was
        issued once is never issued again by itself, also after it was revoked: that takes two people (`life`).

        Args:
            expected: `composition.figures` on which it was found due. Where the same ledger now gives others, something
                that reckons is wrong, and the paper is refused for "hours_differ".

        Raises:
            InvalidInput: "glyph_missing".
            Unavailable: "no_printer"; of the seals see `PaperSealer.seal`.
        """
        known = self._store.paper(learner, class_run, kind)
        if known is not None:
            return Decision(known)
        return self._issue(learner, class_run, kind, expected)

    def reissue(self, paper: IssuedPaper) -> Decision[IssuedPaper | None]:
        """Issue a new paper of the same kind in place of `paper`, which is not valid any more; as `issue`."""
        return self._issue(paper.learner, paper.class_run, paper.kind, None)

    def _issue(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        kind: PaperKind,
        expected: Mapping[str, Any] | None,
    ) -> Decision[IssuedPaper | None]:
        if self._printer is None or self._sealer is None:
            raise Unavailable("no_printer", "本进程不出具证明,请检查部署配置。", permanent=True)
        sheet = self._sheets.class_run_sheet(class_run, learner)
        earned = self._hours.earned(learner, class_run)
        if not earned.whole:
            raise RuntimeError("a paper is made of the whole ledger")
        due = self._due(sheet, earned)
        test = self._store.accepted_test(learner, class_run)
        if kind not in due.papers or test is None:
            return Decision(None, due.missing)
        if differs(expected, composition.figures(earned)):
            return Decision(None, (self._hours_differ(sheet, kind, expected or {}, earned),))
        now = self._clock.now()
        standing = self._standings.standing(sheet, legal_date(now))
        person = self._identity.disclose(
            learner, purpose=f"issue_{kind}", recipient=standing.institution_name, by="completion"
        )
        number = self._numbers.next(sheet.class_run.division_code, legal_date(now))
        code = new_verify_code()
        holders = (
            SealHolder(sheet.institution, standing.institution_name, standing.uscc),
            SealHolder(OPERATOR, standing.operator_name),
        )
        paper = composition.compose(
            kind,
            sheet,
            earned,
            test,
            standing,
            person,
            number=number,
            verify_code=code,
            verify_url=f"{self._public_url}/verify/{number}/{code}",
            issued_at=now,
            seal_note=seal_note(holders, trial_authority=self._sealer.trial_authority),
        )
        pdf = self._sealer.seal(self._printer.print_paper(paper, self._template()), *holders)
        evidence_id = self._evidence.put(
            EvidenceScope(sheet.institution, learner, EvidencePurpose.CERTIFICATE, class_run),
            pdf,
            "application/pdf",
        )
        issued = IssuedPaper(
            number=number,
            kind=kind,
            learner=learner,
            class_run=class_run,
            sha256=sha256_hex(pdf),
            status="valid",
            issued_at=now,
            evidence_id=evidence_id,
            verify_code=paper.verify_code,
            mark=paper.mark,
            printed=without_person(paper.printed()),
            facts=composition.facts(kind, earned, test),
        )
        self._store.add_paper(issued)
        self._numbers.keep(number)
        self._events.emit(
            "certificate.issued",
            number,
            occurred_at=now,
            idempotency_key=number,
            data={
                "number": number,
                "learner": learner,
                "class_run": class_run,
                "kind": kind.value,
                "sha256": issued.sha256,
                "evidence_id": evidence_id,
            },
        )
        return Decision(issued)

    def _hours_differ(
        self, sheet: ClassRunSheet, kind: PaperKind, expected: Mapping[str, Any], earned: Earned
    ) -> Reason:
        # Told, not raised: a job that died over it would be seen by the operator alone.
        self._events.emit(
            "completion.paper_refused",
            sheet.learner,
            occurred_at=self._clock.now(),
            idempotency_key=f"{kind}|{sheet.learner}|{sheet.class_run.id}|{earned.ledger_head}",
            data={
                "learner": sheet.learner,
                "class_run": sheet.class_run.id,
                "kind": kind.value,
                "reason": "hours_differ",
                "expected": dict(expected),
                "recomputed": composition.figures(earned),
            },
        )
        dates = legal_dates(sheet, self._study_clock.now())
        rule = self._profile(sheet).read("completion.requires_course", dates)
        return rule.reason("hours_differ", _HOURS_DIFFER)

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[IssuedPaper, ...]:
        """Return the learner's papers in the class run, oldest first."""
        return self._store.papers(learner, class_run)

    def pdf(self, paper: IssuedPaper) -> bytes:
        """Return the PDF of `paper` in this unit of work's institution, byte for byte as issued."""
        sheet = self._sheets.class_run_sheet(paper.class_run, paper.learner)
        return self._evidence.get(sheet.institution, paper.evidence_id)

    def public_view(self, typed: str) -> PublicView | None:
        """Return what the verify page shows for a number as typed or scanned; None if there is no such."""
        number = normalised(typed)
        paper = None if number is None else self._store.paper_by_number(number)
        if paper is None:
            return None
        person = self._identity.disclose(
            paper.learner, purpose="verify_page", recipient="public", by="completion", at=paper.issued_at
        )
        masked = person.masked()
        personal = {
            "name": masked.name,
            "citizen_id": masked.citizen_id,
            "employer": person.employer or "未登记",
        }
        printed = paper.printed
        return PublicView(
            number=paper.number,
            title=printed["title"],
            status=paper.status,
            mark=paper.mark,
            sha256=paper.sha256,
            issued_on=printed["issued_on"],
            issuer=printed["issuer"],
            uscc=printed["uscc"],
            operator=printed["operator"],
            statement=printed["statement"],
            fields=tuple(
                (label, personal.get(code, "") if value is None else value)
                for code, label, value in printed["fields"]
            ),
            table=PrintedTable(
                tuple(printed["table"]["heading"]), tuple(tuple(row) for row in printed["table"]["rows"])
            ),
            notes=tuple(printed["notes"]),
            verify_code=paper.verify_code,
            expires_on=paper.expires_on,
        )

    def _profile(self, sheet: ClassRunSheet) -> ProfileInForce:
        return self._rules.profile(sheet.class_run.profile)

    def _due(self, sheet: ClassRunSheet, earned: Earned) -> Due:
        """Return what is due. Source: 粤应急规〔2022〕3号 第二十五条 (course, test), 第二条 (offline too)."""
        rule = self._profile(sheet).read(
            "completion.requires_test", legal_dates(sheet, self._study_clock.now())
        )
        missing: list[Reason] = []
        if not earned.anchored:
            missing.append(rule.reason("not_anchored", _NOT_ANCHORED))
        if not earned.online_done:
            missing.append(rule.reason("online_hours_missing", "网络课程学时尚未达到大纲要求,请继续学习。"))
        test = self._store.accepted_test(sheet.learner, sheet.class_run.id)
        if test is not None and (test["unit"], test["attempt"]) in earned.unanchored_tests:
            missing.append(rule.reason("test_not_anchored", _TEST_NOT_ANCHORED))
        if rule.boolean() and test is None:
            missing.append(
                rule.reason("test_missing", "尚无有效的合格测试成绩,请在刷脸核验或工作人员监督下参加测试。")
            )
        if missing:
            return Due((), tuple(missing))
        if not earned.offline_done:
            missing.append(
                rule.reason("offline_hours_missing", "线下培训学时尚未达到大纲要求,请按安排参加线下培训。")
            )
        if not earned.shares_allowed:
            missing.append(
                rule.reason("shares_not_met", "线上与线下学时的比例不符合规定,请按提示补足线下理论培训。")
            )
            missing.extend(earned.reasons)
        if missing:
            return Due((PaperKind.HOUR_CERTIFICATE,), tuple(missing))
        return Due((PaperKind.HOUR_CERTIFICATE, PaperKind.COMPLETION_STATEMENT))


def differs(expected: Mapping[str, Any] | None, found: Mapping[str, Any]) -> bool:
    """Return whether one ledger gave two answers; a ledger that has grown since may give another."""
    return (
        expected is not None
        and expected.get("ledger_head") == found["ledger_head"]
        and dict(expected) != dict(found)
    )
