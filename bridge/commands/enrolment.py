"""`./anxue enrolment import FILE`: preview an Excel or CSV list, and take it over if told to."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import click

from bridge.commands.intake_upkeep import institution_named
from bridge.identity.enrolment_files import MAX_LIST_BYTES, MAX_PHOTOS_BYTES
from bridge.identity.enrolment_model import EnrolmentImport, Outcome
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.json_line import failures_told, print_json
from bridge.settings import Settings
from bridge.wiring import House
from bridge.wiring.enrolment_jobs import preview_list

_OUTCOMES_ZH = {Outcome.NEW: "新增", Outcome.CHANGE: "修改", Outcome.SAME: "未变", Outcome.ERROR: "错误"}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("enrolment", help="报名名单。")
def enrolment() -> None:
    """Hold the commands together."""


@enrolment.command("import", help="预览 FILE(.xlsx 或 .csv)会怎样改变班次的报名名单;加 --confirm 才写入。")
@click.argument("file", type=_FILE)
@click.option("--class-run", required=True, metavar="ID", help="班次编号。")
@click.option("--photos", type=_FILE, metavar="ZIP", help="证件照压缩包。")
@click.option("--institution", metavar="ID", help="机构编号;只有一家机构时可以不写。")
@click.option("--by", default="operator", show_default=True, metavar="REF", help="操作人编号(不写姓名)。")
@click.option("--confirm", is_flag=True, help="写入没有错误的行;有错误的行不写。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def import_command(
    file: Path,
    class_run: str,
    photos: Path | None,
    institution: str | None,
    by: str,
    confirm: bool,
    as_json: bool,
) -> None:
    """Print the figures and what is wrong, by row number; never a name or a number."""
    with failures_told(as_json), closing(House.build(Settings())) as house:
        tenant, run = institution_named(house, institution), ClassRunId(class_run)
        content = _bytes(file, MAX_LIST_BYTES)
        pictures = b"" if photos is None else _bytes(photos, MAX_PHOTOS_BYTES)
        import_id = preview_list(house, tenant, run, content, pictures, by)
        seen = _find(house, tenant, run, import_id)
        done = _take_over(house, tenant, run, import_id, by) if confirm and seen.writes else None
        with house.uow.for_institution(tenant) as tx:
            house.at(tx).enrolments.expire(import_id)
    wrong = [(row.line, said.code, said.sentence_zh) for row in seen.rows for said in row.wrong]
    if as_json:
        print_json(
            {
                "import": import_id,
                "planned": dict(seen.planned),
                "applied": None if done is None else dict(done.applied),
                "wrong": [{"line": line, "reason": code, "message": text} for line, code, text in wrong],
            }
        )
        return
    click.echo("预览:" + _figures(seen.planned))
    if seen.planned["contact_columns"]:
        click.echo(f"已忽略 {seen.planned['contact_columns']} 列联系方式。")
    for line, _code, sentence in wrong:
        click.echo(f"第 {line} 行:{sentence}")
    if done is not None:
        click.echo("已写入:" + _figures(done.applied))
    else:
        click.echo("没有需要写入的行。" if confirm else "仅预览,没有写入;确认无误后加 --confirm。")


def _figures(counts: Mapping[str, int]) -> str:
    return ",".join(f"{name} {counts.get(outcome.value, 0)}" for outcome, name in _OUTCOMES_ZH.items()) + "。"


def _take_over(
    house: House, tenant: InstitutionId, run: ClassRunId, import_id: str, by: str
) -> EnrolmentImport:
    with house.uow.for_institution(tenant) as tx:
        house.at(tx).enrolments.confirm(run, import_id, by)
    # Here and now; the worker that finds the job as well finds nothing left to do.
    more = True
    while more:
        with house.uow.for_institution(tenant) as tx:
            more = house.at(tx).enrolments.take_over(import_id)
    return _find(house, tenant, run, import_id)


def _find(house: House, tenant: InstitutionId, run: ClassRunId, import_id: str) -> EnrolmentImport:
    with house.uow.for_institution(tenant, read_only=True) as tx:
        return house.at(tx).enrolments.find(run, import_id)


def _bytes(path: Path, most: int) -> bytes:
    if path.stat().st_size > most:
        raise InvalidInput("file_too_large", f"文件超过 {most // 1024 // 1024} MB,请分成几个文件。")
    return path.read_bytes()
