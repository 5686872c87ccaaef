"""Rows of completion: decisions on tests, and the register of papers. No name and no citizen id."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Index, String, UniqueConstraint, case, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from bridge.completion.decided_anew_tables import TestDecidedAnewRow
from bridge.completion.life_model import VALID, status_on
from bridge.completion.model import IssuedPaper, PaperKind, TestEvidence, TestScore
from bridge.db.base import Base, Code, Count, Id, Instant, JsonDict, JsonList, Ref, Sha256, TenantRow
from bridge.db.unit_of_work import Tx
from bridge.kernel.ids import ClassRunId, EvidenceId, InstitutionId, LearnerRef, new_id
from bridge.kernel.time import legal_date


class TestDecisionRow(Base, TenantRow):
    """One attempt's score and what was decided on it; never changed."""

    __tablename__ = "test_decision"
    __table_args__ = (
        UniqueConstraint("institution_id", "learner_ref", "class_run_id", "unit", "attempt"),
        Index("ix_test_decision_class_run", "class_run_id", "decided_at"),
    )
    __test__ = False

    id: Mapped[Id]
    learner_ref: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref]
    unit: Mapped[Ref]
    attempt: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(String(200))
    score: Mapped[Code]
    maximum: Mapped[Code]
    finished_real: Mapped[Code]
    accepted: Mapped[bool]
    reasons: Mapped[JsonList]
    checks_passed: Mapped[int]
    covered_ms: Mapped[Count]
    attempt_ms: Mapped[Count]
    decided_at: Mapped[Instant]


class CertificateRow(Base, TenantRow):
    """One issued paper. `printed` lacks the personal values; the PDF lies encrypted in evidence.

    Of one kind a learner has one valid paper in a class run, and the database holds that.
    """

    __tablename__ = "certificate"
    __table_args__ = (
        Index(
            "uq_certificate_valid",
            "institution_id",
            "learner_ref",
            "class_run_id",
            "kind",
            unique=True,
            sqlite_where=text("status = 'valid'"),
            postgresql_where=text("status = 'valid'"),
        ),
    )

    number: Mapped[Id]
    kind: Mapped[Code]
    learner_ref: Mapped[Ref] = mapped_column(index=True)
    class_run_id: Mapped[Ref] = mapped_column(index=True)
    sha256: Mapped[Sha256] = mapped_column(index=True)
    status: Mapped[Code]
    issued_at: Mapped[Instant]
    evidence_id: Mapped[Ref]
    verify_code: Mapped[Code]
    mark: Mapped[str | None] = mapped_column(String(32))
    printed: Mapped[JsonDict]
    facts: Mapped[JsonDict]
    expires_on: Mapped[date | None] = mapped_column(Date)
    replaced_by: Mapped[str | None] = mapped_column(String(40))


_VALID_FIRST = case((CertificateRow.status == VALID, 0), else_=1)
"""A paper and what superseded it may bear one instant."""


class SqlCompletionStore:
    """`CompletionStore` on SQLAlchemy, for one unit of work."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._session = tx.session

    def test_decision(
        self, learner: LearnerRef, class_run: ClassRunId, unit: str, attempt: str
    ) -> tuple[str, str, bool] | None:
        row = self._session.scalar(
            select(TestDecisionRow).where(
                TestDecisionRow.learner_ref == learner,
                TestDecisionRow.class_run_id == class_run,
                TestDecisionRow.unit == unit,
                TestDecisionRow.attempt == attempt,
            )
        )
        return None if row is None else (row.score, row.maximum, row.accepted)

    def add_test_decision(
        self, score: TestScore, evidence: TestEvidence, accepted: bool, reasons: list[str], at: datetime
    ) -> None:
        self._session.add(
            TestDecisionRow(
                id=new_id("td"),
                institution_id=self._tx.institution_id,
                learner_ref=score.learner,
                class_run_id=score.class_run,
                unit=score.unit,
                attempt=score.attempt,
                message=score.message,
                score=score.score,
                maximum=score.maximum,
                finished_real=score.finished_real,
                accepted=accepted,
                reasons=reasons,
                checks_passed=evidence.in_test_checks_passed + int(evidence.start_passed),
                covered_ms=evidence.covered_ms,
                attempt_ms=evidence.attempt_ms,
                decided_at=at,
            )
        )
        self._session.flush()

    def accepted_test(self, learner: LearnerRef, class_run: ClassRunId) -> Mapping[str, Any] | None:
        anew = select(TestDecidedAnewRow.decision).where(TestDecidedAnewRow.accepted.is_(True))
        row = self._session.scalar(
            select(TestDecisionRow)
            .where(
                TestDecisionRow.learner_ref == learner,
                TestDecisionRow.class_run_id == class_run,
                or_(TestDecisionRow.accepted.is_(True), TestDecisionRow.id.in_(anew)),
            )
            .order_by(TestDecisionRow.decided_at.desc(), TestDecisionRow.id.desc())
            .limit(1)
        )
        if row is None:
            return None
        names = ("unit", "attempt", "score", "maximum", "finished_real", "checks_passed")
        found = {name: getattr(row, name) for name in names}
        if not row.accepted:
            found["checks_passed"] = self._session.scalar(
                select(TestDecidedAnewRow.checks_passed).where(
                    TestDecidedAnewRow.decision == row.id, TestDecidedAnewRow.accepted.is_(True)
                )
            )
        return found

    def paper(self, learner: LearnerRef, class_run: ClassRunId, kind: PaperKind) -> IssuedPaper | None:
        row = self._session.scalar(
            select(CertificateRow)
            .where(
                CertificateRow.learner_ref == learner,
                CertificateRow.class_run_id == class_run,
                CertificateRow.kind == kind.value,
            )
            .order_by(_VALID_FIRST, CertificateRow.issued_at.desc(), CertificateRow.number)
            .limit(1)
        )
        return None if row is None else self._issued(row)

    def papers(self, learner: LearnerRef, class_run: ClassRunId) -> tuple[IssuedPaper, ...]:
        rows = self._session.scalars(
            select(CertificateRow)
            .where(CertificateRow.learner_ref == learner, CertificateRow.class_run_id == class_run)
            .order_by(CertificateRow.issued_at, _VALID_FIRST.desc(), CertificateRow.number)
        )
        return tuple(self._issued(row) for row in rows)

    def paper_by_number(self, number: str) -> IssuedPaper | None:
        row = self._session.scalar(
            select(CertificateRow)
            .where(CertificateRow.number == number)
            .execution_options(populate_existing=True)
        )
        return None if row is None else self._issued(row)

    def institution_of(self, number: str) -> InstitutionId | None:
        """Return who issued `number`, or None; for a unit of work across institutions (the public page)."""
        found = self._session.scalar(
            select(CertificateRow.institution_id).where(CertificateRow.number == number)
        )
        return None if found is None else InstitutionId(found)

    def issuer_and_code(self, number: str) -> tuple[InstitutionId, str] | None:
        """Return who issued `number` and the code that stands on the paper; as `institution_of`."""
        found = self._session.execute(
            select(CertificateRow.institution_id, CertificateRow.verify_code).where(
                CertificateRow.number == number
            )
        ).one_or_none()
        return None if found is None else (InstitutionId(found[0]), found[1])

    def issuer_of_file(self, sha256: str) -> tuple[InstitutionId, str] | None:
        """Return who issued the paper with that file, and its number; as `institution_of`."""
        found = self._session.execute(
            select(CertificateRow.institution_id, CertificateRow.number)
            .where(CertificateRow.sha256 == sha256)
            .limit(1)
        ).one_or_none()
        return None if found is None else (InstitutionId(found[0]), found[1])

    def set_status(self, number: str, status: str) -> None:
        """Change what a paper is."""
        self._change(number, status=status)

    def set_expiry(self, number: str, expires_on: date) -> None:
        """Note the first legal day on which a paper proves nothing."""
        self._change(number, expires_on=expires_on)

    def set_replaced_by(self, number: str, by: str) -> None:
        """Note which paper superseded it."""
        self._change(number, replaced_by=by)

    def _change(self, number: str, **values: Any) -> None:
        self._session.execute(
            update(CertificateRow)
            .where(CertificateRow.number == number)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def add_paper(self, paper: IssuedPaper) -> None:
        self._session.add(
            CertificateRow(
                number=paper.number,
                institution_id=self._tx.institution_id,
                kind=paper.kind.value,
                learner_ref=paper.learner,
                class_run_id=paper.class_run,
                sha256=paper.sha256,
                status=paper.status,
                issued_at=paper.issued_at,
                evidence_id=paper.evidence_id,
                verify_code=paper.verify_code,
                mark=paper.mark,
                printed=dict(paper.printed),
                facts=dict(paper.facts),
            )
        )
        self._session.flush()

    def _issued(self, row: CertificateRow) -> IssuedPaper:
        today = legal_date(self._tx.clock.now())
        return IssuedPaper(
            number=row.number,
            kind=PaperKind(row.kind),
            learner=LearnerRef(row.learner_ref),
            class_run=ClassRunId(row.class_run_id),
            sha256=row.sha256,
            status=status_on(row.status, row.expires_on, today),
            issued_at=row.issued_at,
            evidence_id=EvidenceId(row.evidence_id),
            verify_code=row.verify_code,
            mark=row.mark,
            printed=row.printed,
            facts=row.facts,
            expires_on=row.expires_on,
            replaced_by=row.replaced_by,
        )
