"""`rules check`, `rules show` and `rules sign`: tables for people on stdout, or with --json one object on one line."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.kernel.errors import BridgeError
from bridge.kernel.json_line import print_json
from bridge.kernel.time import SystemClock, legal_date
from bridge.rules.loader import CONFIG, load_rule_book
from bridge.rules.model import Resolved
from bridge.rules.report import CheckReport, as_row, check, show
from bridge.rules.sign_off import sign
from bridge.rules.wording import READ_ON_ZH, UNCONFIRMED_ZH, citation_zh, period_zh, value_zh

_MIN_WIDTH = 120
"""Columns; below this the tables fold into ribbons."""


@click.group("rules", help="查看和检查规则包(法规、标准和惯例的数据)。")
def rules() -> None:
    """Hold the two commands together."""


@rules.command("check", help="校验全部规则包、运行全部用例、列出每个值的出处,并提示一年内失效的规定。")
@click.option(
    "--packs",
    "dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="另外校验此目录中的规则包(可多次使用)。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def check_command(dirs: tuple[Path, ...], as_json: bool) -> None:
    """Print the report; exit 1 if a file is wrong or a case fails."""
    report = check(dirs, legal_date(SystemClock().now()))
    if as_json:
        print_json(report.as_json())
    else:
        _print_report(report)
    if not report.ok:
        raise SystemExit(1)


@rules.command("show", help="查看规则方案、规则包或单个参数在某一天的规定。NAME 为其名称。")
@click.argument("name")
@click.option(
    "--on",
    "on",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="日期,如 2026-11-23;默认为今天(北京时间)。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def show_command(name: str, on: datetime | None, as_json: bool) -> None:
    """Print what holds; exit 1 if nothing does or nothing has that name."""
    day = on.replace(tzinfo=UTC).date() if on else legal_date(SystemClock().now())
    try:
        found = show(load_rule_book(), name, day)
    except BridgeError as error:
        if as_json:
            print_json(
                {
                    "ok": False,
                    "name": name,
                    "on": day.isoformat(),
                    "reason": error.reason,
                    "message": error.message,
                }
            )
        click.echo(error.message, err=True)
        raise SystemExit(1) from error
    if as_json:
        listed = [{"from": source, **as_row(resolved)} for source, resolved in found]
        print_json({"ok": True, "name": name, "on": day.isoformat(), "rows": listed})
    else:
        _console().print(_values_table(f"{name} 在 {day.isoformat()} 的规定", found))


@rules.command("sign", help="签认规则包 PACK 中未经确认的值:由运营方核对后写明在此适用。重新启动后生效。")
@click.argument("pack")
@click.option("--by", required=True, metavar="POST", help="签认人的岗位或工号,不写姓名。")
@click.option("--reason", required=True, help="核对了什么、依据什么。")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME", help="只签认此参数(可多次使用);默认全部。"
)
def sign_command(pack: str, by: str, reason: str, parameters: tuple[str, ...]) -> None:
    """Write sign_off.yaml beside the pack; exit 1 if there is nothing to sign or the pack is unknown."""
    try:
        load_rule_book().pack_alone(pack)
        home = CONFIG / "rulepacks" / pack
        today = legal_date(SystemClock().now())
        signed, file = sign(home, by=by, reason_zh=reason, on=today, parameters=parameters)
    except BridgeError as error:
        click.echo(error.message, err=True)
        raise SystemExit(1) from error
    left = len({one.name for one in signed.parameters if not one.confirmed})
    click.echo(f"已签认规则包 {signed.id}({file.name}),仍有 {left} 个值未经确认。请重新启动安学桥。")


def _print_report(report: CheckReport) -> None:
    console = _console()
    packs = _table("规则包", "编号", "文件", "有效期", "参数", "内容散列(SHA-256)")
    for pack in report.packs:
        count = len({one.name for one in pack.parameters})
        period = period_zh(pack.effective_from, pack.effective_until)
        packs.add_row(pack.id, pack.document, period, str(count), pack.content_hash[:16] + "…")
    console.print(packs)
    for profile in report.profiles:
        mine = [one for one in report.values if one[0] == profile.profile.id]
        title = (
            f"规则方案 {profile.profile.id}({profile.profile.title_zh})在 {report.today.isoformat()} 的规定"
        )
        console.print(_values_table(title, mine))
    for problem in report.problems:
        console.print(f"[red]错误[/red] {escape(str(problem))}", highlight=False, soft_wrap=True)
    failed = [result for result in report.cases if not result.passed]
    for result in failed:
        where = f"{result.case.document.file}「{result.case.name}」"
        console.print(
            f"[red]用例未通过[/red] {escape(f'{where}:{result.difference}')}", highlight=False, soft_wrap=True
        )
    for warning in report.warnings:
        console.print(f"[yellow]提示[/yellow] {escape(warning.message)}", highlight=False, soft_wrap=True)
    verdict = "[green]检查通过[/green]" if report.ok else "[red]检查未通过[/red]"
    console.print(
        f"{verdict}:规则包 {len(report.packs)} 个,错误 {len(report.problems)} 处,"
        f"用例 {len(report.cases)} 个,未通过 {len(failed)} 个,提示 {len(report.warnings)} 条。",
        highlight=False,
    )


def _values_table(title: str, values: Iterable[tuple[str, Resolved]]) -> Table:
    table = _table(title, "参数", "值", "出处", "有效期和读取日")
    table.show_lines = True
    for _, resolved in values:
        parameter = resolved.parameter
        source = [citation_zh(parameter.citation), f"[dim]{resolved.pack_id}[/dim]"]
        if not parameter.confirmed:
            source.append(f"[yellow]{UNCONFIRMED_ZH}[/yellow] [dim]{escape(parameter.note_zh or '')}[/dim]")
        for one in resolved.beaten:
            beaten = value_zh(one.value, one.parameter.unit, one.parameter.labels_zh)
            source.append(f"[dim]未采用 {one.pack_id}:{escape(beaten)}[/dim]")
        period = period_zh(parameter.effective_from, parameter.effective_until)
        table.add_row(
            f"{escape(parameter.title_zh)}\n[dim]{parameter.name}[/dim]",
            escape(value_zh(resolved.value, parameter.unit, parameter.labels_zh)),
            "\n".join(source),
            f"{period}\n[dim]{READ_ON_ZH[parameter.read_on]}[/dim]",
        )
    return table


def _console() -> Console:
    """Return a console wide enough for the tables, also where stdout is a file."""
    console = Console()
    return console if console.width >= _MIN_WIDTH else Console(width=_MIN_WIDTH)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
