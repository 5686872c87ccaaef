"""How much memory a process takes that builds, gates and signs batches: measured in fresh processes."""

import json
import resource
import subprocess
import sys
from typing import Any

_FEW, _MANY = 30, 300
"""Batches of 1,000 records."""


def measure() -> dict[str, Any]:
    """Return the peak (MiB) over many batches, and how much more that is than over a tenth of them."""
    few, many = _peak(_FEW), _peak(_MANY)
    return {"memory_mib": round(many, 1), "memory_growth_mib": round(many - few, 1), "memory_batches": _MANY}


def _peak(batches: int) -> float:
    run = subprocess.run(
        [sys.executable, "-m", "plugins.reporting.guangdong.bench_memory", str(batches)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(run.stdout)["mib"])


def _work(batches: int) -> None:
    """Make each batch as the product does, the explanation of a faulty one included."""
    from datetime import UTC, datetime

    from bridge.reporting.model import MOST_RECORDS, BatchHeader
    from plugins.reporting.guangdong.batch_xml import GuangdongBatches
    from plugins.reporting.guangdong.bench_records import bench_records
    from plugins.reporting.guangdong.signing import XmlDsigSigner, own_key, verify

    signer = XmlDsigSigner(own_key(b"bench".ljust(32)))
    pipeline = GuangdongBatches(lambda: signer)
    for number in range(batches):
        records = bench_records(number * MOST_RECORDS)
        header = BatchHeader(f"batch_{number}", "anxue", "440100", "91440101MA59EXAMPX", datetime.now(UTC))
        built = pipeline.build(header, records).content
        if pipeline.faults(built):
            raise RuntimeError("a batch of the bench was refused")
        signed = pipeline.sign(built)
        if number % 10 == 0:
            verify(signed)
            pipeline.faults(built.replace(b"<RefusedSeconds>", b"<RefusedSeconds>-", 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"mib": peak}) + "\n")


if __name__ == "__main__":
    _work(int(sys.argv[1]))
