"""Arithmetic of the plan: how often each thing happens at a province's size, and what it takes. No simulation here."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from plugins.simulators.capacity.costs import Costs

SHAPE = (
    0.04, 0.02, 0.01, 0.01, 0.01, 0.03, 0.08, 0.18, 0.42, 0.60, 0.66, 0.58,
    0.46, 0.50, 0.62, 0.64, 0.58, 0.48, 0.50, 0.78, 1.00, 0.92, 0.52, 0.16,
)  # fmt: skip
"""Assumed: learners at once by hour of Asia/Shanghai, as a share of the peak; evenings and working hours."""
MOST_BUSY = 0.6
"""Assumed: how busy a server is at the planned peak; the rest is for bursts and for machines that fail."""


@dataclass(frozen=True, slots=True)
class Load:
    """What comes.

    Args:
        beat_seconds, check_seconds: between two batches, and two checks on average, of one learner who studies.
        frames_per_check: assumed; more than one where a picture was too poor.
    """

    learners: int
    at_once: int
    beat_seconds: float
    check_seconds: float
    frames_per_check: float = 1.3
    shape: Sequence[float] = SHAPE

    def batches_per_second(self, hour: int) -> float:
        return self.at_once * self.shape[hour] / self.beat_seconds

    def frames_per_second(self, hour: int) -> float:
        return self.at_once * self.shape[hour] / self.check_seconds * self.frames_per_check

    @property
    def learner_hours_per_day(self) -> float:
        return self.at_once * sum(self.shape)

    @property
    def batches_per_day(self) -> float:
        return self.learner_hours_per_day * 3600 / self.beat_seconds

    @property
    def frames_per_day(self) -> float:
        return self.learner_hours_per_day * 3600 / self.check_seconds * self.frames_per_check

    @property
    def peak_hour(self) -> int:
        return max(range(len(self.shape)), key=lambda hour: self.shape[hour])


@dataclass(frozen=True, slots=True)
class Tier:
    """One kind of process.

    Args:
        work: CPU seconds that come each second at the peak: the cores that would be busy all the time.
        cores: planned; `machines`: of as many cores as was asked for.
    """

    name: str
    work: float
    cores: int
    machines: int

    @property
    def busy(self) -> float:
        return self.work / self.cores


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes."""

    tiers: tuple[Tier, ...]
    batches_per_second: float
    frames_per_second: float
    megabits_in: float
    megabits_out: float
    inbox_gb_day: float
    ledger_gb_day: float
    other_gb_day: float
    evidence_gb_day: float
    inbox_tb_kept: float
    database_tb_year: float
    evidence_tb_year: float
    shards: int


def plan(load: Load, costs: Costs, *, cores_per_machine: int, keep_days: int) -> Plan:
    """Return the plan. The database's work is split by institution: a shard is a machine of `cores_per_machine`."""
    hour = load.peak_hour
    batches, frames = load.batches_per_second(hour), load.frames_per_second(hour)
    # SQLite's work is within web and worker; a plan for many machines counts it once more, as a database's.
    database = costs.database_cpu or costs.web_cpu + costs.worker_cpu
    tiers = tuple(
        _tier(name, work, cores_per_machine)
        for name, work in (
            ("web", batches * costs.web_cpu),
            ("worker", batches * costs.worker_cpu),
            ("faces", frames * costs.frame_cpu),
            ("database", batches * database),
        )
    )
    inbox, ledger, other, evidence = (
        load.batches_per_day * costs.inbox_bytes / 1e9,
        load.batches_per_day * costs.ledger_bytes / 1e9,
        load.batches_per_day * costs.other_bytes / 1e9,
        load.frames_per_day * costs.frame_bytes / 1e9,
    )
    return Plan(
        tiers=tiers,
        batches_per_second=batches,
        frames_per_second=frames,
        megabits_in=(batches * costs.request_bytes + frames * costs.frame_bytes) * 8 / 1e6,
        megabits_out=batches * costs.reply_bytes * 8 / 1e6,
        inbox_gb_day=inbox,
        ledger_gb_day=ledger,
        other_gb_day=other,
        evidence_gb_day=evidence,
        inbox_tb_kept=inbox * keep_days / 1000,
        database_tb_year=(ledger + other) * 365 / 1000,
        evidence_tb_year=evidence * 365 / 1000,
        shards=tiers[-1].machines,
    )


def one_bridge(load: Load, costs: Costs) -> dict[str, float]:
    """Return how many learners at once one bridge (one web, one worker process) can bear, by what gives way first.

    Python runs one thread at a time: web and worker are one busy core each, however many the machine has.
    """
    return {
        "web": load.beat_seconds / costs.web_cpu,
        "worker": 1
        / (
            costs.worker_cpu / load.beat_seconds
            + costs.frame_cpu * load.frames_per_check / load.check_seconds
        ),
    }


def _tier(name: str, work: float, cores_per_machine: int) -> Tier:
    machines = max(1, ceil(work / MOST_BUSY / cores_per_machine))
    return Tier(name, work, machines * cores_per_machine, machines)
