"""Which records an issued paper makes, with what is not personal in them. Pure."""

from collections.abc import Iterator

from bridge.completion.model import IssuedPaper
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import parse_rfc3339, rfc3339
from bridge.registry.model import ClassRunSheet
from bridge.reporting.model import Record, RecordKind


def records_for(paper: IssuedPaper, sheet: ClassRunSheet) -> Iterator[Record]:
    """Return each record that the regulator should hold after this paper, as revision 0, not yet numbered."""
    run, facts = sheet.class_run, paper.facts
    whose = {"LearnerNumber": paper.learner, "ClassRun": run.id}
    suffix = f"{run.id}.{paper.learner}"

    def record(kind: RecordKind, number: str, fields: dict[str, str], learner: LearnerRef | None) -> Record:
        return Record(kind, number, 0, learner, run.id, fields)

    yield record(
        RecordKind.CLASS_INFO,
        run.id,
        {
            "ClassRun": run.id,
            "Title": run.title,
            "TrainingKind": run.kind,
            "Category": run.category or "unspecified",
            "DivisionCode": run.division_code,
            "OutlineTitle": sheet.outline.title,
            "TheoryClassHours": str(sheet.outline.theory_class_hours),
            "OpensOn": run.opens_on.isoformat(),
            "ClosesOn": run.closes_on.isoformat(),
        },
        None,
    )
    yield record(
        RecordKind.LEARNER, suffix, {**whose, "EnrolledOn": sheet.enrolled_on.isoformat()}, paper.learner
    )
    yield record(
        RecordKind.HOUR_SUMMARY,
        suffix,
        {
            **whose,
            "CreditedSeconds": str(facts["credited_seconds"]),
            "RefusedSeconds": str(sum(facts["refused_seconds"].values())),
            "OnlineClassHours": str(facts["online_class_hours"]),
            "OfflineClassHours": str(facts["offline_class_hours"]),
            "LedgerHead": facts["ledger_head"],
        },
        paper.learner,
    )
    test = facts["test"]
    attempt = sha256_hex(f"{test['unit']}|{test['attempt']}".encode())[:16]  # an LMS may write anything there
    yield record(
        RecordKind.TEST_RESULT,
        f"{suffix}.{attempt}",
        {
            **whose,
            "Score": test["score"],
            "Maximum": test["maximum"],
            "FinishedAt": rfc3339(parse_rfc3339(test["finished_real"])),
            "ChecksPassed": str(test["checks_passed"]),
        },
        paper.learner,
    )
    yield record(
        RecordKind.CERTIFICATE,
        paper.number,
        {
            **whose,
            "Kind": paper.kind.value,
            "ClassHours": str(facts["class_hours"]),
            "IssuedAt": rfc3339(paper.issued_at),
            "Sha256": paper.sha256,
            "Status": paper.status,
            "Mark": paper.mark or "",
        },
        paper.learner,
    )
