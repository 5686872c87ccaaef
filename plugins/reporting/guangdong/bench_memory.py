"""How much memory a process takes that builds, gates and signs batches: measured in fresh processes.

The peak is the kernel's own (VmHWM: the most that was resident, shared libraries included). `ru_maxrss` is not that:
a process that is started by a larger one begins with the peak of its parent, and the bench is larger than its pipeline.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_MIB = 1024
BATCHES = (1, 10, 100, 1000)
"""Of 1,000 records each."""


def measure() -> dict[str, Any]:
    """Return the peaks (MiB) by the number of batches, the largest, and what a thousand take more than a hundred."""
    peaks = {str(batches): round(_peak(batches), 1) for batches in BATCHES}
    return {
        "memory_mib": max(peaks.values()),
        "memory_growth_mib": round(peaks["1000"] - peaks["100"], 1),
        "memory_batches": max(BATCHES),
        "memory_mib_by_batches": peaks,
    }


def peak_mib(pid: int | str = "self") -> float:
    """Return the most memory that a process has had resident (MiB); Linux alone says it."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _MIB
    raise RuntimeError("the kernel does not say how much memory a process has had")


def _peak(batches: int) -> float:
    run = subprocess.run(
        [sys.executable, "-m", "plugins.reporting.guangdong.bench_memory", str(batches)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(json.loads(run.stdout)["mib"])


def _work(batches: int) -> None:
    """Make each batch as the product does; of every tenth the signature is verified and a faulty one explained."""
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
            if not pipeline.faults(built.replace(b"<RefusedSeconds>", b"<RefusedSeconds>x", 1)):
                raise RuntimeError("a faulty batch of the bench passed")
    sys.stdout.write(json.dumps({"mib": peak_mib()}) + "\n")


if __name__ == "__main__":
    _work(int(sys.argv[1]))
