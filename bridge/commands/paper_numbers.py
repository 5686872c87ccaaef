"""`./anxue papers numbers`: an institution's own scheme of paper numbers, looked at before it is set."""

from datetime import date, datetime

import click

from bridge.completion.number_scheme import LEAST_WIDTH, MOST_WIDTH, NumberScheme
from bridge.completion.number_tables import SqlPaperNumbers
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import legal_date
from bridge.settings import Settings
from bridge.wiring import House

_USUAL_WIDTH = 6


@click.command(
    "numbers", help="机构的证明编号规则:前缀-年份-流水号-校验位。不带 --prefix、--standard 时显示现有规则。"
)
@click.option("--institution", required=True, metavar="ID", help="机构编号。")
@click.option("--prefix", metavar="LETTERS", help="2 到 8 个大写字母(不用 I、L、O),一个前缀只归一家机构。")
@click.option(
    "--width",
    type=click.IntRange(LEAST_WIDTH, MOST_WIDTH),
    default=_USUAL_WIDTH,
    show_default=True,
    help="流水号至少几位,不够时自动加位。",
)
@click.option("--standard", is_flag=True, help="改回随附的编号(随机,不连号)。")
@click.option(
    "--from",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    help="从哪一天起(默认今天);已出具的证明不改编号。",
)
@click.option("--preview", is_flag=True, help="只预览编号,不保存。")
def numbers(
    institution: str, prefix: str | None, width: int, standard: bool, first: datetime | None, preview: bool
) -> None:
    """Show the scheme, or set its next version."""
    if standard and prefix is not None:
        raise click.UsageError("--prefix 与 --standard 只能用一个。")
    house = House.build(Settings())
    try:
        with house.uow.for_institution(InstitutionId(institution), read_only=preview) as tx:
            if house.at(tx).registry_store.institution() is None:
                raise InvalidInput("institution_unknown", "没有这家机构,请核对编号。", http_status=404)
            held, now = SqlPaperNumbers(tx), house.clock.now()
            if not standard and prefix is None:
                _tell(held, legal_date(now))
                return
            day = legal_date(now) if first is None else first.date()
            scheme = NumberScheme("" if prefix is None else prefix, width, day)
            example = held.preview(scheme, "440100", day)
            if not preview:
                held.set(scheme, now)
        click.echo(f"{'预览' if preview else '已保存'}:{day} 起,下一个编号形如 {example}")
    except InvalidInput as error:
        click.echo(f"✗ {error.message}({error.reason})", err=True)
        raise SystemExit(1) from error
    finally:
        house.close()


def _tell(held: SqlPaperNumbers, today: date) -> None:
    versions = held.versions()
    now = held.on(today)
    for one in versions:
        mark = "现行" if one == now else ("将于" if one.valid_from > today else "曾于")
        what = f"{one.prefix}-年份-{'0' * one.width}-校验位" if one.prefix else "随附的编号"
        click.echo(f"{mark} {one.valid_from} 起:{what}")
    scheme = now or NumberScheme("", _USUAL_WIDTH, today)
    if not versions:
        click.echo("没有自己的编号规则,用随附的编号(随机,不连号)。")
    click.echo(f"下一个编号形如 {held.preview(scheme, '440100', today)}")
