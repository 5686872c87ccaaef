"""`./anxue intake cmi5 …`: import course packages, see how learners stand in them, waive, end a session."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy import select

from bridge.commands.intake_upkeep import (
    as_json_option,
    by_option,
    institution_named,
    institution_option,
    open_house,
)
from bridge.intake.cmi5.packages import Package
from bridge.intake.cmi5.tables import Cmi5RegistrationRow, Cmi5SessionRow
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.wiring.cmi5 import Cmi5Desk

_PIECE = 1024 * 1024


@click.group("cmi5", help="cmi5 课件:导入、停用、查看学习登记、免学、结束会话。")
def cmi5() -> None:
    """Hold the commands together."""


@cmi5.command("import", help="导入课件包(cmi5.xml 或 ZIP)。课件内容须放在另一域名的服务器上。")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--course", required=True, metavar="ID", help="课程编号(已载入的课程版本)。")
@click.option(
    "--unit",
    "units",
    multiple=True,
    metavar="AU=UNIT",
    help="课件的 au(其 id,或从 0 起的序号)对应哪个课程单元;可多次使用。",
)
@click.option("--content-base", metavar="URL", help="ZIP 课件包的内容解压到哪里(以 / 结尾)。")
@institution_option
@by_option
@as_json_option
def import_command(
    file: Path,
    course: str,
    units: tuple[str, ...],
    content_base: str | None,
    institution: str | None,
    by: str,
    as_json: bool,
) -> None:
    """Import a package and print what it holds."""
    chosen = dict(_unit_of(one) for one in units)
    with open_house() as house, file.open("rb") as content:
        whose = institution_named(house, institution)
        digest = _sha256(content)
        with house.uow.for_institution(whose) as tx:
            found = Cmi5Desk(house, tx).import_package(
                content, digest, CourseId(course), chosen, base=content_base, by=by
            )
    _print([found], as_json)


@cmi5.command("list", help="列出已导入的课件。")
@institution_option
@as_json_option
def list_command(institution: str | None, as_json: bool) -> None:
    """Print all packages of an institution."""
    with open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose, read_only=True) as tx:
            found = Cmi5Desk(house, tx).packages.all()
    _print(found, as_json)


@cmi5.command("retire", help="停用一个课件:不能再打开;已有的记录不变。")
@click.argument("package", metavar="PACKAGE")
@institution_option
@as_json_option
def retire(package: str, institution: str | None, as_json: bool) -> None:
    """Take a package out of use."""
    with open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            found = Cmi5Desk(house, tx).packages.retire(package)
    _print([found], as_json)


@cmi5.command("standing", help="列出一个课件的学习登记、会话和各单元的情况(JSON)。")
@click.argument("package", metavar="PACKAGE")
@institution_option
def standing(package: str, institution: str | None) -> None:
    """Print how learners stand, by reference."""
    with open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose, read_only=True) as tx:
            desk = Cmi5Desk(house, tx)
            found = desk.packages.get(package)
            rows = tx.session.scalars(
                select(Cmi5RegistrationRow)
                .where(Cmi5RegistrationRow.package_id == found.id)
                .order_by(Cmi5RegistrationRow.created_at, Cmi5RegistrationRow.id)
            ).all()
            answer = []
            for row in rows:
                sessions = tx.session.scalars(
                    select(Cmi5SessionRow)
                    .where(Cmi5SessionRow.registration_id == row.id)
                    .order_by(Cmi5SessionRow.launched_at, Cmi5SessionRow.id)
                )
                answer.append(
                    {
                        "registration": row.id,
                        "learner": row.learner,
                        "class_run": row.class_run_id,
                        "satisfied_aus": sorted(desk.registrations.satisfied_aus(row.id, found)),
                        "satisfied": row.satisfied,
                        "sessions": [
                            {"session": one.id, "au": one.au_id, "mode": one.mode, "state": one.state}
                            for one in sessions
                        ],
                    }
                )
    print_json({"package": found.id, "registrations": answer})


@cmi5.command("waive", help="免学:写入 waived 陈述(只是记录,不计学时)。")
@click.argument("registration", metavar="REGISTRATION")
@click.argument("au", metavar="AU")
@click.option("--reason", required=True, help="理由,如 Administrative、Tested Out。")
@institution_option
@by_option
def waive(registration: str, au: str, reason: str, institution: str | None, by: str) -> None:
    """Say that an AU's demands are met otherwise."""
    with open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            Cmi5Desk(house, tx).registrations.waive(registration, au, reason, by=by)
    click.echo("已写入免学记录。")


@cmi5.command("abandon", help="结束一个没有正常关闭的课件会话。")
@click.argument("session", metavar="SESSION")
@institution_option
def abandon(session: str, institution: str | None) -> None:
    """End a session that its AU did not end."""
    with open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            Cmi5Desk(house, tx).sessions.abandon(session)
    click.echo("会话已结束。")


def _unit_of(text: str) -> tuple[str, str]:
    au, equals, unit = text.rpartition("=")
    if not equals or not au or not unit:
        raise InvalidInput("unit_option", "--unit 须写作 AU=单元编号")
    return au, unit


def _sha256(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := content.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _print(packages: Sequence[Package], as_json: bool) -> None:
    if as_json:
        print_json({"packages": [_facts(one) for one in packages]})
        return
    for one in packages:
        state = "已停用" if one.retired_at else "使用中"
        click.echo(f"{one.id}  {one.structure.whole.title}  课程 {one.course}  {state}")
        for au_id, unit, au in one.aus:
            click.echo(f"  {au_id}  {au.title}  moveOn={au.move_on}  单元 {unit or '(未对应)'}")
    if not packages:
        click.echo("还没有 cmi5 课件。请用 ./anxue intake cmi5 import 导入。")


def _facts(package: Package) -> dict[str, Any]:
    return {
        "package": package.id,
        "course": package.course,
        "title": package.structure.whole.title,
        "imported_at": rfc3339(package.imported_at),
        "retired_at": None if package.retired_at is None else rfc3339(package.retired_at),
        "aus": [
            {
                "au": au_id,
                "publisher_id": au.id,
                "title": au.title,
                "unit": unit,
                "move_on": str(au.move_on),
                "mastery_score": au.mastery_score,
            }
            for au_id, unit, au in package.aus
        ],
    }
