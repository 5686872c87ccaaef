"""`./anxue bench feed`: our gate, and the whole pipeline, against a bare lxml validation of the same batch.

On one core each, in this process; the memory of the pipeline is that of a fresh process over many batches, and the
delivery goes over real HTTP to the simulator in another process.
"""

import gc
import statistics
import time
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from bridge.reporting.model import MOST_RECORDS, BatchHeader
from plugins.reporting.guangdong import bench_memory, safe_xml
from plugins.reporting.guangdong.batch_xml import GuangdongBatches
from plugins.reporting.guangdong.bench_records import bench_records
from plugins.reporting.guangdong.gate import gate, record_tags
from plugins.reporting.guangdong.mapping import mapping_on
from plugins.reporting.guangdong.signing import XmlDsigSigner, own_key
from plugins.reporting.rehearsal import bench_delivery

_ROUNDS = 9
_REPEAT = 10


def run() -> dict[str, Any]:
    """Return the bench object.

    `ratio`: our gate's MB/s ÷ bare lxml iterparse(schema=)'s (≥ 0.9); `tree_ratio`: ÷ that of lxml's other way, a tree
    that is read and then validated, which is faster, and ours for batches of the usual size.
    `pipeline_ratio`: the time of bare iterparse ÷ that of building, gating and signing the same records (≥ 0.4).
    `memory_mib`: the peak of a process that builds, gates and signs a thousand batches (≤ 128), and
    `memory_growth_mib`: how much more that is than for a tenth of them.
    `delivered_per_second`: records with receipts, kept with their verdicts, one courier (≥ 1,000).
    `carrier_memory_mib`: the peak of a process that has the whole product loaded and carries fifty batches.
    The batch is full (1,000 records); rounds alternate; medians are taken; MB = 10**6 bytes.
    """
    records = bench_records()
    header = BatchHeader("batch_bench", "anxue", "440100", "91440101MA59EXAMPX", datetime.now(UTC))
    signer = XmlDsigSigner(own_key(b"bench".ljust(32)))
    pipeline = GuangdongBatches(lambda: signer)
    batch = pipeline.sign(pipeline.build(header, records).content)
    version = mapping_on(datetime.now(UTC).date()).version
    schema = etree.XMLSchema(etree.parse(str(safe_xml.SCHEMAS / version / "feed.xsd")))
    tags = record_tags(version)
    gate(batch)
    times: dict[str, list[int]] = {"ours": [], "bare": [], "tree": [], "pipeline": []}

    def bare() -> None:
        for _event, element in etree.iterparse(
            safe_xml.as_file(batch), events=("end",), tag=tags, schema=schema
        ):
            element.clear()

    def tree() -> None:
        schema.assertValid(etree.fromstring(batch))

    def whole() -> None:
        built = pipeline.build(header, records).content
        gate(built)
        pipeline.sign(built)

    works = {"ours": lambda: gate(batch), "bare": bare, "tree": tree, "pipeline": whole}
    for _ in range(_ROUNDS):
        for name, work in works.items():
            gc.collect()
            start = time.perf_counter_ns()
            for _again in range(_REPEAT):
                work()
            times[name].append(time.perf_counter_ns() - start)
    size = len(batch) * _REPEAT
    rates = {name: size * 1e3 / statistics.median(taken) for name, taken in times.items()}
    ratio = round(rates["ours"] / rates["bare"], 3)
    tree_ratio = round(rates["ours"] / rates["tree"], 3)
    return {
        "name": "feed",
        "n": _ROUNDS * _REPEAT,
        "mb_per_second": round(rates["ours"], 1),
        "records_per_batch": MOST_RECORDS,
        "ratio": ratio,
        "tree_ratio": tree_ratio,
        "pipeline_ratio": round(rates["pipeline"] / rates["bare"], 3),
        "pipeline_records_per_second": round(
            MOST_RECORDS * _REPEAT * 1e9 / statistics.median(times["pipeline"])
        ),
        **bench_memory.measure(),
        **bench_delivery.measure(),
        **bench_delivery.measure_memory(),
        "peers": [
            {"name": "lxml iterparse", "figure": round(rates["bare"], 1), "unit": "MB/s", "ratio": ratio},
            {"name": "lxml tree", "figure": round(rates["tree"], 1), "unit": "MB/s", "ratio": tree_ratio},
        ],
    }
