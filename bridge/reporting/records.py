"""Which records an issued paper makes, with what is not personal in them. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from bridge.completion.model import IssuedPaper, Standing
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import parse_rfc3339, rfc3339
from bridge.registry.model import ClassRunSheet
from bridge.reporting.model import WITHDRAWAL_REASONS, Action, Record, RecordKind


def records_for(
    paper: IssuedPaper,
    sheet: ClassRunSheet,
    standing: Standing,
    sessions: Sequence[Mapping[str, str]] = (),
    checks: Sequence[Mapping[str, str]] = (),
) -> Iterator[Record]:
    """Return each record that the regulator should hold after this paper, as revision 0, not yet numbered.

    Args:
        sessions, checks: what presence saw; "number" names each.
    """
    run, facts = sheet.class_run, paper.facts
    whose = {"LearnerNumber": paper.learner, "ClassRun": run.id}
    suffix = f"{run.id}.{paper.learner}"

    def record(kind: RecordKind, number: str, fields: dict[str, str], learner: LearnerRef | None) -> Record:
        return Record(kind, number, 0, learner, run.id, fields, as_of=paper.issued_at)

    yield Record(
        RecordKind.INSTITUTION,
        f"{standing.uscc}.{run.division_code}",
        0,
        None,
        ClassRunId(""),
        {
            "Uscc": standing.uscc,
            "InstitutionName": standing.institution_name,
            "OperatorName": standing.operator_name,
            "DivisionCode": run.division_code,
            "ProvinciallyConnected": _yes(standing.provincially_connected),
        },
    )
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
            "RegisteredInCity": _yes(standing.registered),
        },
        None,
    )
    yield record(
        RecordKind.LEARNER, suffix, {**whose, "EnrolledOn": sheet.enrolled_on.isoformat()}, paper.learner
    )
    for kind, seen in ((RecordKind.STUDY_SESSION, sessions), (RecordKind.CHECK, checks)):
        for one in seen:
            values = {name: value for name, value in one.items() if name != "number"}
            yield record(kind, one["number"], {**whose, **values}, paper.learner)
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


def withdrawal_of(record: Record, reason: str) -> Record:
    """Return what takes `record` back, as revision 0, not yet numbered; ValueError for another reason."""
    if reason not in WITHDRAWAL_REASONS:
        raise ValueError(reason)
    return Record(
        record.kind,
        record.number,
        0,
        record.learner,
        record.class_run,
        {"Reason": reason},
        action=Action.WITHDRAW,
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
