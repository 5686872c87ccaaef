"""`./anxue capacity measure | simulate | validate`: what a province's size takes. A simulation, and it says so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click

from bridge.kernel.errors import InvalidInput
from bridge.kernel.json_line import print_json
from bridge.kernel.time import SystemClock, legal_date
from bridge.rules.loader import load_rule_book
from bridge.settings import Settings
from bridge.setup.assets import ensure_assets
from plugins.simulators.capacity.costs import Costs
from plugins.simulators.capacity.measuring import Foretold, foretell, measure
from plugins.simulators.capacity.picture import picture
from plugins.simulators.capacity.plan import MOST_BUSY, Load, one_bridge
from plugins.simulators.capacity.simulation import Day, simulate
from plugins.simulators.capacity.stage import stage

_TIERS_ZH = {"web": "网页", "worker": "任务", "faces": "人脸", "database": "数据库"}
_file = click.option(
    "--costs", "costs_file", type=click.Path(dir_okay=False, path_type=Path), help="测量结果文件(JSON)。"
)
_database = click.option(
    "--database-url", default="", metavar="URL", help="一个空的 PostgreSQL 数据库;默认临时的 SQLite。"
)
_json = click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")


@click.group("capacity", help="容量:在本机测量单批成本,模拟一个省的规模(模拟结果不是实测)。")
def capacity() -> None:
    """Hold the commands together."""


@capacity.command("measure", help="启动一个真实的安学桥,测量每一批学习记录的处理器时间与字节数。")
@_database
@_file
@click.option("--seconds", type=click.IntRange(3, 600), default=15, show_default=True, help="测量时长。")
@_json
def measure_command(database_url: str, costs_file: Path | None, seconds: int, as_json: bool) -> None:
    """Measure and print the costs; keep them in a file if one is named."""
    ensure_assets()
    with stage(database_url) as one:
        costs = measure(one, seconds=float(seconds))
    if costs_file is not None:
        costs_file.write_text(json.dumps(costs.to_json(), indent=1))
    if as_json:
        print_json(costs.to_json())
        return
    click.echo("\n".join(_costs_lines(costs)))


@capacity.command("simulate", help="模拟一天:到达、排队、忙碌程度、所需机器、最先不够的一处。")
@click.option("--learners", type=click.IntRange(1), default=10_000_000, show_default=True, help="学员总数。")
@click.option(
    "--at-once", type=click.IntRange(1), default=500_000, show_default=True, help="最多同时学习的人数。"
)
@click.option(
    "--cores-per-machine", type=click.IntRange(1, 512), default=32, show_default=True, help="每台机器的核数。"
)
@click.option(
    "--picture", "picture_file", type=click.Path(dir_okay=False, path_type=Path), help="写一幅一天的图(SVG)。"
)
@click.option(
    "--validate/--no-validate", default=True, show_default=True, help="同时用真实的安学桥核对模型。"
)
@_database
@_file
@_json
def simulate_command(
    learners: int,
    at_once: int,
    cores_per_machine: int,
    picture_file: Path | None,
    validate: bool,
    database_url: str,
    costs_file: Path | None,
    as_json: bool,
) -> None:
    """Measure (or read) costs, hold the model against the real bridge, then simulate the day."""
    if at_once > learners:
        raise InvalidInput("at_once_too_many", "同时学习的人数不能超过学员总数")
    checked: Sequence[Foretold] = ()
    if costs_file is not None and costs_file.exists() and not validate:
        costs = Costs.from_json(json.loads(costs_file.read_text()))
    else:
        with stage(database_url) as one:
            costs = measure(one)
            if validate:
                # A third and two thirds of what the busiest part bears by the costs.
                most = 1 / max(costs.web_cpu / costs.web_processes, costs.worker_cpu)
                checked = foretell(one, costs, [most / 3, most * 2 / 3])
    load, keep_days = _load(learners, at_once, legal_date(SystemClock().now()))
    day = simulate(load, costs, cores_per_machine=cores_per_machine, keep_days=keep_days)
    alone = one_bridge(load, costs)
    if picture_file is not None:
        picture_file.write_text(picture(day))
    if as_json:
        print_json(_facts(load, costs, day, alone, checked, keep_days))
        return
    click.echo("\n".join([*_costs_lines(costs), *_checked_lines(checked), *_day_lines(load, day, alone)]))


def _load(learners: int, at_once: int, today: date) -> tuple[Load, int]:
    """Return the load as Guangdong's rules of today make it, and for how long raw batches stay."""
    rules = load_rule_book(Settings().config).profile("guangdong")
    gaps = [rules.value(f"presence.check_gap_{end}_seconds", today).integer() for end in ("min", "max")]
    beat = rules.value("study.beat_interval_seconds", today).integer()
    keep = rules.value("retention.raw_beats_days", today).integer()
    return Load(learners, at_once, float(beat), sum(gaps) / 2), keep


def _costs_lines(costs: Costs) -> Sequence[str]:
    return [
        f"测量(本机实测,{costs.machine},{costs.cores} 核,负载 {costs.load},{costs.database},"
        f"每批 {costs.batch_events} 条):",
        f"  每批处理器时间  网页 {costs.web_cpu * 1000:.2f} ms,任务 {costs.worker_cpu * 1000:.2f} ms,"
        f"数据库 {costs.database_cpu * 1000:.2f} ms;每张照片 {costs.frame_cpu * 1000:.1f} ms",
        f"  每批字节        请求 {costs.request_bytes},应答 {costs.reply_bytes};"
        f"收件箱 {costs.inbox_bytes:.0f},台账 {costs.ledger_bytes:.0f},其他 {costs.other_bytes:.0f};"
        f"每张照片 {costs.frame_bytes}",
    ]


def _checked_lines(checked: Sequence[Foretold]) -> Sequence[str]:
    if not checked:
        return []
    return [
        "模型与真实运行的对照(实测/模型):",
        *(
            f"  每秒 {one.rate:.1f} 批  网页忙 {one.web_busy:.0%}/{one.web_busy_foretold:.0%}"
            f"  任务忙 {one.worker_busy:.0%}/{one.worker_busy_foretold:.0%}"
            f"  p50 {one.p50 * 1000:.1f}/{one.p50_foretold * 1000:.1f} ms"
            f"  p99 {one.p99 * 1000:.1f}/{one.p99_foretold * 1000:.1f} ms"
            for one in checked
        ),
    ]


def _day_lines(load: Load, day: Day, alone: Mapping[str, float]) -> Sequence[str]:
    made = day.plan
    lines = [
        f"模拟(不是实测):{load.learners:,} 名学员,最多 {load.at_once:,} 人同时学习,按最忙 {MOST_BUSY:.0%} 计:",
        f"  峰值每秒 {made.batches_per_second:,.0f} 批、{made.frames_per_second:,.0f} 张照片;"
        f"入 {made.megabits_in:,.0f} Mbit/s,出 {made.megabits_out:,.0f} Mbit/s",
    ]
    peak = day.hours[load.peak_hour]
    for tier in made.tiers:
        queued = peak.tiers[tier.name]
        waits = (
            "队列只增不减"
            if queued is None
            else (f"排队 p50 {queued.wait_p50 * 1000:.1f} ms,p99 {queued.wait_p99 * 1000:.1f} ms")
        )
        lines.append(
            f"  {_TIERS_ZH[tier.name]}  {tier.machines} 台({tier.cores} 核),忙 {tier.busy:.0%},{waits}"
        )
    lines += [
        f"  每天  收件箱 {made.inbox_gb_day:,.0f} GB(保留期内共 {made.inbox_tb_kept:,.1f} TB),"
        f"台账 {made.ledger_gb_day:,.0f} GB,其他 {made.other_gb_day:,.0f} GB,照片 {made.evidence_gb_day:,.0f} GB",
        f"  每年  数据库 {made.database_tb_year:,.0f} TB,照片 {made.evidence_tb_year:,.0f} TB;"
        f"数据库按机构分 {made.shards} 片",
        f"  最先不够  {_TIERS_ZH[day.first_to_give_way]},在 {day.gives_way_at:.2f} 倍峰值时",
        f"  一套安学桥(一个网页进程、一个任务进程)可承受:网页 {alone['web']:,.0f} 人,任务 {alone['worker']:,.0f} 人",
    ]
    return lines


def _facts(
    load: Load,
    costs: Costs,
    day: Day,
    alone: Mapping[str, float],
    checked: Sequence[Foretold],
    keep_days: int,
) -> dict[str, Any]:
    return {
        "simulation": True,
        "learners": load.learners,
        "at_once": load.at_once,
        "keep_days": keep_days,
        "costs": costs.to_json(),
        "validation": [asdict(one) for one in checked],
        "plan": {
            **asdict(day.plan),
            "tiers": [{**asdict(tier), "busy": tier.busy} for tier in day.plan.tiers],
        },
        "hours": [asdict(hour) for hour in day.hours],
        "steps": [asdict(step) for step in day.steps],
        "first_to_give_way": day.first_to_give_way,
        "gives_way_at": day.gives_way_at,
        "one_bridge_at_once": dict(alone),
    }
