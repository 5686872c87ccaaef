"""`hours recompute`: class hours from a ledger file; tables for people, --json for machines (one line)."""

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.hours.recompute import Recomputed, recompute
from bridge.kernel.json_line import failures_told, print_json
from bridge.rules.wording import citation_zh, seconds_zh


@click.group("hours", help="学时的核对与重算。")
def hours() -> None:
    """Hold the commands together."""


@hours.command("recompute", help="校验台账文件的哈希链,并按其写明的规则包重算学时;不需要数据库。")
@click.option(
    "--ledger",
    "ledger",
    required=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="台账文件 ledger.jsonl。",
)
@click.option(
    "--packs",
    "dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="台账所用规则包的目录(可多次使用);默认使用随附的规则包。",
)
@click.option("--head", metavar="SHA256", help="证明上印的台账末端哈希;用来发现末尾被删改。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def recompute_command(ledger: Path, dirs: tuple[Path, ...], head: str | None, as_json: bool) -> None:
    """Print the figures; exit 1 if the ledger or the packs cannot be believed."""
    with failures_told(as_json):
        result = recompute(ledger, dirs, head)
    if as_json:
        print_json(result.to_json())
    else:
        _print_tables(result)


def _print_tables(result: Recomputed) -> None:
    console = Console(soft_wrap=True)
    run, seconds = result.sheet.class_run, result.seconds
    console.print(f"班次 {escape(run.title)}(规则方案 {escape(run.profile)})")
    console.print(f"哈希链完整:{len(result.ledger.entries)} 条记录,末端 {result.ledger.head.hash}")
    figures = Table(title="学习时间")
    for heading in ("结论", "时长", "原因", "依据"):
        figures.add_column(heading, overflow="fold")
    figures.add_row("已计入", seconds_zh(seconds.credited_seconds), "", "")
    figures.add_row("暂记", seconds_zh(seconds.provisional_seconds), "", "")
    for code, amount in seconds.refused_seconds.items():
        reason = seconds.reasons[code]
        figures.add_row(
            "不计入", seconds_zh(amount), escape(reason.sentence_zh), citation_zh(reason.citation)
        )
    console.print(figures)
    units = Table(title="学时")
    for heading in ("大纲内容", "方式", "应学学时", "是否学满"):
        units.add_column(heading, overflow="fold")
    for unit in result.hours.units:
        mode = "线上" if unit.mode == "online" else "线下"
        units.add_row(escape(unit.title), mode, str(unit.required_class_hours), "是" if unit.met else "否")
    console.print(units)
    console.print(f"线上 {result.hours.online_class_hours} 学时,线下 {result.hours.offline_class_hours} 学时")
    for reason in result.hours.reasons:
        console.print(f"- {escape(reason.sentence_zh)}({citation_zh(reason.citation)})")
