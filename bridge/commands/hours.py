"""`hours explain`: every stretch of a learner's time with its clause, from the database or from a ledger file."""

from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bridge.hours.commands import hours
from bridge.hours.explanation import Explanation, explain
from bridge.hours.recompute import recompute
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import LEGAL_ZONE, from_epoch_ms
from bridge.ledger.model import Verdict
from bridge.rules.model import Reason, Resolved
from bridge.rules.wording import READ_ON_ZH, UNCONFIRMED_ZH, citation_zh, seconds_zh, value_zh

__all__ = ["hours"]

_VERDICTS = {
    Verdict.CREDITED: "[green]已计入[/green]",
    Verdict.PROVISIONAL: "[yellow]暂记[/yellow]",
    Verdict.PENDING: "[yellow]待测试[/yellow]",
    Verdict.FROZEN: "[blue]冻结[/blue]",
    Verdict.REFUSED: "[red]不计入[/red]",
}
_MIN_WIDTH = 120
_DIR = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@hours.command("explain", help="逐段说明学员的学习时间:计入或不计入、依据哪一条、哪个文件约束了学时。")
@click.option("--learner", metavar="REF", help="学员编号(LearnerRef),与 --class-run 一起从数据库读取。")
@click.option("--class-run", metavar="REF", help="班次编号。")
@click.option("--whole", is_flag=True, help="从全部台账记录重算,并核对与快照的结果一致;默认由快照算起。")
@click.option("--ledger", metavar="FILE", type=_FILE, help="台账文件 ledger.jsonl,不需要数据库。")
@click.option("--packs", "dirs", multiple=True, metavar="DIR", type=_DIR, help="台账所用规则包的目录。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def explain_command(
    learner: str | None,
    class_run: str | None,
    whole: bool,
    ledger: Path | None,
    dirs: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Print the explanation; exit 1 if learner, ledger or rules cannot be found or believed."""
    from_database = learner is not None and class_run is not None
    if (ledger is None) != from_database or (ledger is not None and (learner or class_run)):
        raise click.UsageError("请给出 --ledger FILE,或同时给出 --learner REF 和 --class-run REF。")
    with failures_told(as_json):
        if ledger is not None:
            told = from_file(ledger, dirs)
        else:
            told = _from_database(learner or "", class_run or "", whole=whole)
    if as_json:
        print_json({"ok": True, **told.to_json()})
    else:
        _print(told)


def from_file(ledger: Path, dirs: tuple[Path, ...] = ()) -> Explanation:
    """Return the explanation of a ledger file under the packs that it names; as `recompute`."""
    found = recompute(ledger, dirs)
    return explain(found.sheet, found.seconds, found.hours, found.rules, found.ledger.head.hash)


def _from_database(learner: str, class_run: str, *, whole: bool) -> Explanation:
    from bridge.settings import Settings
    from bridge.wiring import House
    from bridge.wiring.cohorts import explain_learner

    house = House.build(Settings())
    try:
        return explain_learner(house, LearnerRef(learner), ClassRunId(class_run), whole=whole)
    finally:
        house.close()


def _print(told: Explanation) -> None:
    console = Console()
    if console.width < _MIN_WIDTH:
        console = Console(width=_MIN_WIDTH)
    run, hours_of = told.sheet.class_run, told.hours
    console.print(f"学员 {told.sheet.learner},班次 {escape(run.title)}(规则方案 {escape(run.profile)})")
    stretches = _table("学习时间", "起止(北京时间)", "时长", "课程单元", "结论", "原因", "依据")
    for one in told.stretches:
        stretches.add_row(
            f"{_moment(one.start_ms)}\n{_moment(one.end_ms)}",
            seconds_zh(one.seconds),
            escape(one.unit_title),
            _VERDICTS[one.verdict],
            escape(one.reason.sentence_zh),
            _clause(one.reason),
        )
    console.print(stretches)
    console.print(_bound_table(told.bound))
    console.print(
        f"线上 {hours_of.online_class_hours} 学时(计入 {hours_of.online_share.value}),"
        f"线下 {hours_of.offline_class_hours} 学时;"
        + ("大纲和比例要求均已满足。" if hours_of.complete else "大纲或比例要求尚未满足。")
    )
    for reason in hours_of.reasons:
        console.print(f"- {escape(reason.sentence_zh)}({_clause(reason)})", soft_wrap=True)


def _bound_table(bound: tuple[Resolved, ...]) -> Table:
    table = _table("约束学时的规定", "规定", "值", "文件", "未采用", "读取日")
    for one in bound:
        parameter = one.parameter
        beaten = [
            f"{citation_zh(other.parameter.citation)}:"
            f"{value_zh(other.value, parameter.unit, parameter.labels_zh)}"
            for other in one.beaten
        ]
        table.add_row(
            escape(parameter.title_zh),
            escape(value_zh(one.value, parameter.unit, parameter.labels_zh)),
            citation_zh(parameter.citation) + ("" if parameter.confirmed else f"({UNCONFIRMED_ZH})"),
            escape("\n".join(beaten) or "—"),
            READ_ON_ZH[parameter.read_on],
        )
    return table


def _clause(reason: Reason) -> str:
    return escape(citation_zh(reason.citation)) + ("" if reason.confirmed else f"({UNCONFIRMED_ZH})")


def _moment(milliseconds: int) -> str:
    return from_epoch_ms(milliseconds).astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
