"""The records that the bench `feed` builds batches of."""

from collections.abc import Mapping

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.reporting.model import MOST_RECORDS, Record, RecordKind

Full = list[tuple[Record, Mapping[str, str]]]


def bench_records(start: int = 0) -> Full:
    """Return 1,000 hour summaries of made-up learners."""
    records: Full = []
    for index in range(start, start + MOST_RECORDS):
        values = {
            "LearnerNumber": f"lr_{index:026d}",
            "ClassRun": "cr_1",
            "CreditedSeconds": str(5400 + index),
            "RefusedSeconds": str(index),
            "OnlineClassHours": "2",
            "OfflineClassHours": "2",
            "LedgerHead": f"{index:064x}",
        }
        learner = LearnerRef(values["LearnerNumber"])
        record = Record(RecordKind.HOUR_SUMMARY, f"cr_1.{learner}", 1, learner, ClassRunId("cr_1"), values)
        records.append((record, values))
    return records
