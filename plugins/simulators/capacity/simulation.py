"""The simulated day: each hour of one shard, tier by tier, event by event; and what gives way as load rises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plugins.simulators.capacity.costs import Costs
from plugins.simulators.capacity.plan import Load, Plan, plan
from plugins.simulators.capacity.queueing import Queued, run

_JOBS = 6_000
_STEPS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5)
_CPU_PART = {"web": "web_cpu", "worker": "worker_cpu", "faces": "frame_cpu", "database": "database_cpu"}


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour: learners at once, batches a second, and what each tier's queue was like (None: it only grows)."""

    hour: int
    at_once: float
    batches_per_second: float
    tiers: Mapping[str, Queued | None]


@dataclass(frozen=True, slots=True)
class Step:
    """The peak hour at `times` the load, on the planned machines; `overrun`: tiers with more work than cores."""

    times: float
    busy: Mapping[str, float]
    overrun: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """All of it."""

    plan: Plan
    hours: tuple[Hour, ...]
    steps: tuple[Step, ...]
    first_to_give_way: str
    gives_way_at: float


def simulate(load: Load, costs: Costs, *, cores_per_machine: int, keep_days: int, seed: int = 1) -> Day:
    """Return the simulated day.

    Every shard is like every other, so one is simulated: each tier's servers are the cores planned for a shard.
    """
    made = plan(load, costs, cores_per_machine=cores_per_machine, keep_days=keep_days)
    hours = tuple(
        Hour(
            hour,
            load.at_once * load.shape[hour],
            load.batches_per_second(hour),
            {tier.name: _queue(made, tier.name, load, costs, hour, seed) for tier in made.tiers},
        )
        for hour in range(24)
    )
    busy = {tier.name: tier.busy for tier in made.tiers}
    steps = tuple(
        Step(
            times,
            {name: share * times for name, share in busy.items()},
            tuple(name for name, share in busy.items() if share * times >= 1),
        )
        for times in _STEPS
    )
    first = max(busy, key=lambda name: busy[name])
    return Day(made, hours, steps, first, 1 / busy[first])


def samples_of(costs: Costs, tier: str) -> Sequence[float]:
    """Return service times of a tier, in CPU seconds.

    The door's spread is measured; other tiers are given the same spread around their own mean, an assumption.
    """
    door = costs.door_seconds
    mean = sum(door) / len(door)
    cpu: float = getattr(costs, _CPU_PART[tier]) or costs.web_cpu + costs.worker_cpu
    return [one / mean * cpu for one in door]


def _queue(made: Plan, name: str, load: Load, costs: Costs, hour: int, seed: int) -> Queued | None:
    tier = next(one for one in made.tiers if one.name == name)
    servers = max(1, round(tier.cores / made.shards))
    rate = load.frames_per_second(hour) if name == "faces" else load.batches_per_second(hour)
    rate = rate / tier.cores * servers
    samples = samples_of(costs, name)
    if rate * sum(samples) / len(samples) >= servers:
        return None
    return run(rate, samples, servers, jobs=max(_JOBS, 40 * servers), seed=seed * 100 + hour)
