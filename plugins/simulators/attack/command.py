"""`./anxue attack`: cheat on a bridge of its own, and print what it credited for it."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bridge.setup.assets import ensure_assets
from plugins.simulators.attack.campaign import Plan, Report, campaign
from plugins.simulators.attack.page import as_markdown


@click.command("attack", help="用公开的刷课手法攻击一个临时启动的安学桥,报告被误计的秒数与误伤的秒数。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
@click.option("--alone", is_flag=True, help="只逐个攻击,不两两组合(两个处理器约四分钟;两两组合共四百余行)。")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="处理器个数",
    help="同时用几个进程,各有一个自己的安学桥。",
)
@click.option("--only", help="只攻击这一个编号,例如 X8。")
@click.option("--table", type=click.Path(path_type=Path, dir_okay=False), help="另把结果写成 Markdown 文件。")
def attack(as_json: bool, alone: bool, processes: int, only: str | None, table: Path | None) -> None:
    """Play the whole corpus; exit 1 if a second was forged or an honest one lost."""
    ensure_assets()
    plan = Plan(pairs=()) if alone else Plan()
    if only is not None:
        plan = plan.only(only)
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        rounds = progress.add_task("启动安学桥", total=plan.rounds + 1)

        def told(title: str) -> None:
            progress.update(rounds, advance=1, description=title)

        report = campaign(plan, told, 1 if only else processes)
    if table is not None:
        table.write_text(as_markdown(report, datetime.now(UTC).date(), alone=alone), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, separators=(",", ":")))
    else:
        _print(report)
    sys.exit(1 if report.forged_seconds or report.honest_lost_seconds else 0)


def _print(report: Report) -> None:
    console = Console()
    attacks = Table(title="攻击(秒)")
    for heading in ("编号", "手法", "企图", "误计", "靠什么防住"):
        attacks.add_column(heading)
    for one in report.alone:
        forged = str(one.forged_seconds) if one.in_total else f"{one.forged_seconds}(未防住,不计入合计)"
        attacks.add_row(one.id, one.title_zh, str(one.attempted_seconds), forged, one.defended_by)
    if report.pairs:
        worst = max(report.pairs, key=lambda one: one.forged_seconds if one.in_total else 0)
        attempted = sum(one.attempted_seconds for one in report.pairs)
        together = sum(one.forged_seconds for one in report.pairs if one.in_total)
        title = f"两两组合;误计最多的是 {worst.id}" if together else "两两组合"
        attacks.add_row(f"{len(report.pairs)} 对", title, str(attempted), str(together), "")
    console.print(attacks)
    honest = Table(title="诚实学员(秒)")
    for heading in ("处境", "学习", "计入", "故障次数", "超出允许中断的损失"):
        honest.add_column(heading)
    for trouble in report.honest:
        figures = (
            trouble.studied_seconds,
            trouble.credited_seconds,
            trouble.incidents,
            trouble.beyond_limit_seconds,
        )
        honest.add_row(trouble.title_zh, *map(str, figures))
    console.print(honest)
    console.print(
        f"企图 {report.attempted_seconds} 秒,误计 {report.forged_seconds} 秒;"
        f"诚实学员损失 {report.honest_lost_seconds} 秒。"
    )
