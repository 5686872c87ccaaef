"""The plan's arithmetic, the simulated day, its picture and its command."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from plugins.simulators.capacity.command import capacity
from plugins.simulators.capacity.costs import Costs
from plugins.simulators.capacity.measuring import foretell, measure
from plugins.simulators.capacity.picture import picture
from plugins.simulators.capacity.plan import MOST_BUSY, Load, one_bridge, plan
from plugins.simulators.capacity.simulation import samples_of, simulate
from plugins.simulators.capacity.stage import stage

COSTS = Costs(
    measured_at="2026-11-28T00:00:00.000Z", machine="made up", cores=2, load=0.0, database="postgresql",
    web_processes=1, batch_events=10, batches=100, door_seconds=(0.002, 0.003, 0.004), web_cpu=0.002,
    worker_cpu=0.004, database_cpu=0.001, frame_cpu=0.02, frame_bytes=40_000, request_bytes=1_000,
    reply_bytes=500, inbox_bytes=800.0, ledger_bytes=1_000.0, other_bytes=200.0,
)  # fmt: skip
LOAD = Load(10_000_000, 500_000, 10.0, 660.0)


def test_half_a_million_at_once_send_fifty_thousand_batches_a_second() -> None:
    made = plan(LOAD, COSTS, cores_per_machine=32, keep_days=400)
    assert made.batches_per_second == 50_000
    assert made.frames_per_second == pytest.approx(500_000 / 660 * 1.3)
    assert {tier.name: round(tier.work) for tier in made.tiers} == {
        "web": 100, "worker": 200, "faces": 20, "database": 50,
    }  # fmt: skip
    assert made.inbox_gb_day == pytest.approx(LOAD.batches_per_day * 800 / 1e9)
    assert made.inbox_tb_kept == pytest.approx(made.inbox_gb_day * 0.4)


@given(st.integers(1, 2_000_000), st.integers(1, 256))
def test_no_tier_is_busier_than_planned_and_no_machine_is_too_many(at_once: int, cores: int) -> None:
    made = plan(Load(10_000_000, at_once, 10.0, 660.0), COSTS, cores_per_machine=cores, keep_days=400)
    for tier in made.tiers:
        assert tier.busy <= MOST_BUSY + 1e-9
        assert tier.machines == 1 or tier.work / ((tier.machines - 1) * cores) > MOST_BUSY - 1e-9


@given(st.integers(2, 100))
def test_twice_the_learners_are_twice_the_bytes(times: int) -> None:
    one, many = (
        plan(Load(1, n, 10.0, 660.0), COSTS, cores_per_machine=1, keep_days=1) for n in (100, 100 * times)
    )
    assert many.evidence_gb_day == pytest.approx(one.evidence_gb_day * times)
    assert many.megabits_in == pytest.approx(one.megabits_in * times)


def test_a_database_inside_the_processes_is_counted_as_one_beside_them() -> None:
    embedded = plan(LOAD, replace(COSTS, database_cpu=0.0), cores_per_machine=32, keep_days=1)
    assert embedded.tiers[-1].work == pytest.approx(50_000 * 0.006)


def test_one_bridge_bears_what_its_busiest_process_does() -> None:
    alone = one_bridge(LOAD, COSTS)
    assert alone["web"] == pytest.approx(5000)
    assert alone["worker"] == pytest.approx(1 / (0.004 / 10 + 0.02 * 1.3 / 660))


def test_the_simulated_day_is_as_busy_as_the_arithmetic_says() -> None:
    small = Load(40_000, 2_000, 10.0, 660.0)
    day = simulate(small, COSTS, cores_per_machine=1, keep_days=400)
    peak = day.hours[small.peak_hour]
    for tier in day.plan.tiers:
        queued = peak.tiers[tier.name]
        assert queued is not None
        assert queued.utilisation == pytest.approx(tier.busy, rel=0.1)
    assert day.gives_way_at == pytest.approx(1 / max(tier.busy for tier in day.plan.tiers))
    assert next(step.times for step in day.steps if step.overrun) >= day.gives_way_at
    night = day.hours[3].tiers["worker"]
    busiest = peak.tiers["worker"]
    assert night is not None
    assert busiest is not None
    assert night.utilisation < busiest.utilisation


def test_a_tiers_samples_have_its_own_mean() -> None:
    for tier, cpu in (("web", 0.002), ("worker", 0.004), ("faces", 0.02), ("database", 0.001)):
        samples = samples_of(COSTS, tier)
        assert sum(samples) / len(samples) == pytest.approx(cpu)


def test_the_picture_says_that_it_is_a_simulation() -> None:
    drawn = picture(simulate(Load(40_000, 2_000, 10.0, 660.0), COSTS, cores_per_machine=1, keep_days=400))
    root = ET.fromstring(drawn)  # our own
    said = "".join(root.itertext())
    assert "模拟的一天(不是实测)" in said
    assert "2,000" in said
    assert len(root.findall(".//{http://www.w3.org/2000/svg}polyline")) == 4


def test_the_command_simulates_from_kept_costs_and_says_so(tmp_path: Path) -> None:
    kept, drawn = tmp_path / "costs.json", tmp_path / "day.svg"
    kept.write_text(json.dumps(COSTS.to_json()))
    asked = ["simulate", "--no-validate", "--costs", str(kept), "--learners", "40000", "--at-once", "2000",
             "--cores-per-machine", "1"]  # fmt: skip
    told = CliRunner().invoke(capacity, [*asked, "--json", "--picture", str(drawn)])
    facts: dict[str, Any] = json.loads(told.output)
    assert facts["simulation"] is True
    assert (facts["learners"], facts["at_once"], facts["keep_days"]) == (40000, 2000, 400)
    assert facts["plan"]["batches_per_second"] == 200
    assert len(facts["hours"]) == 24
    assert facts["first_to_give_way"] in ("web", "worker", "faces", "database")
    assert drawn.read_text().startswith("<svg")
    assert "模拟(不是实测)" in CliRunner().invoke(capacity, asked).output


def test_more_at_once_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        CliRunner().invoke(
            capacity, ["simulate", "--learners", "1", "--at-once", "2"], catch_exceptions=False
        )
    assert refused.value.reason == "at_once_too_many"


@pytest.mark.parametrize("change", [{"web_cpu": 0}, {"door_seconds": []}, {"more": 1}])
def test_costs_of_another_kind_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        Costs.from_json({**COSTS.to_json(), **change})
    assert refused.value.reason == "costs_malformed"


def test_a_real_bridge_is_measured_and_the_model_held_against_it(postgres_url: str) -> None:
    with stage(postgres_url, sessions=30) as one:
        costs = measure(one, rate=10.0, seconds=3.0)
        (checked,) = foretell(one, costs, [10.0], seconds=2.0)
    assert costs.database == "postgresql"
    assert costs.batches > 5
    assert min(costs.web_cpu, costs.worker_cpu, costs.frame_cpu, costs.inbox_bytes, costs.ledger_bytes) > 0
    assert costs.request_bytes > 500
    assert checked.p50 > 0
    assert checked.p50_foretold > 0
    assert checked.web_busy_foretold == pytest.approx(checked.rate * costs.web_cpu)


def test_a_database_in_use_is_not_measured(postgres_url: str) -> None:
    with stage(postgres_url, sessions=1):
        pass
    with pytest.raises(InvalidInput) as refused, stage(postgres_url, sessions=1):
        pass
    assert refused.value.reason == "capacity_database_used"
