"""`./anxue bench feed`: our gate against a bare lxml validation of the same batch."""

import statistics
import time
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.reporting.model import MOST_RECORDS, BatchHeader, Record, RecordKind
from plugins.reporting.guangdong import safe_xml
from plugins.reporting.guangdong.batch_xml import RECORD_TAGS, GuangdongBatches, gate

_ROUNDS = 9
_REPEAT = 20


def run() -> dict[str, Any]:
    """Return the bench object; `ratio` = our MB/s ÷ bare lxml iterparse(schema=)'s, higher is better (≥ 0.8).

    The batch is full (1,000 records); rounds alternate; the median is taken; MB = 10**6 bytes.
    """
    batch = _batch()
    schema = etree.XMLSchema(etree.parse(str(safe_xml.SCHEMAS / "1.0" / "feed.xsd")))
    gate(batch)
    ours: list[int] = []
    bare: list[int] = []
    for _ in range(_ROUNDS):
        start = time.perf_counter_ns()
        for _again in range(_REPEAT):
            gate(batch)
        middle = time.perf_counter_ns()
        for _again in range(_REPEAT):
            for _event, element in etree.iterparse(
                safe_xml.as_file(batch), events=("end",), tag=RECORD_TAGS, schema=schema
            ):
                element.clear()
        ours.append(middle - start)
        bare.append(time.perf_counter_ns() - middle)
    size = len(batch) * _REPEAT
    our_rate, bare_rate = (size * 1e3 / statistics.median(times) for times in (ours, bare))
    ratio = round(our_rate / bare_rate, 3)
    return {
        "name": "feed",
        "n": _ROUNDS * _REPEAT,
        "mb_per_second": round(our_rate, 1),
        "records_per_batch": MOST_RECORDS,
        "ratio": ratio,
        "peers": [{"name": "lxml iterparse", "figure": round(bare_rate, 1), "unit": "MB/s", "ratio": ratio}],
    }


def _batch() -> bytes:
    records = []
    for index in range(MOST_RECORDS):
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
    header = BatchHeader("batch_bench", "anxue", "440100", "91440101MA59EXAMPL", datetime.now(UTC))
    return GuangdongBatches().build(header, records)
