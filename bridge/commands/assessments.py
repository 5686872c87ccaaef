"""`./anxue privacy assessment …` and `./anxue privacy faces`: what lets faces be processed, how many are kept."""

from pathlib import Path

import click

from bridge.assessment_files import OPERATOR, read_assessments
from bridge.commands.house import opened_house
from bridge.kernel.ids import InstitutionId
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import legal_date, rfc3339
from bridge.privacy.stored_faces import STATES_ZH
from bridge.registry.assessment_model import PURPOSES_ZH, RESULTS_ZH, ImpactAssessment
from bridge.wiring.face_count import face_count, file_faces


@click.group("assessment", help="个人信息保护影响评估的记录:没有有效的评估,不能刷脸。")
def assessment() -> None:
    """Hold the commands together."""


@assessment.command("add")
@click.option("--institution", required=True, metavar="ID", help="机构编号。")
@click.option(
    "--file",
    "path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="评估记录(YAML,格式见 config/demo/impact_assessments.yaml)。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def add_command(institution: str, path: Path, as_json: bool) -> None:
    """登记 FILE 中的影响评估;登记后不能更改,同一版本只能登记一次。"""
    with failures_told(as_json), opened_house() as house:
        forms = read_assessments(path, legal_date(house.clock.now()))
        with house.uow.for_institution(InstitutionId(institution)) as tx:
            added = [house.at(tx).assessments.add(form, OPERATOR) for form in forms]
    if as_json:
        print_json({"ok": True, "added": [as_dict(one) for one in added]})
        return
    for one in added:
        click.echo(f"已登记 {PURPOSES_ZH[one.purpose]} 版本 {one.version}:{RESULTS_ZH[one.result]}。")


@assessment.command("list")
@click.option("--institution", required=True, metavar="ID", help="机构编号。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def list_command(institution: str, as_json: bool) -> None:
    """列出机构的全部影响评估,最早的在前。"""
    with (
        failures_told(as_json),
        opened_house() as house,
        house.uow.for_institution(InstitutionId(institution), read_only=True) as tx,
    ):
        every = house.at(tx).assessments.all()
    if as_json:
        print_json({"ok": True, "institution": institution, "assessments": [as_dict(one) for one in every]})
        return
    for one in every:
        where = one.class_run or "全部班次"
        click.echo(
            f"{one.assessed_on} 至 {one.until} {PURPOSES_ZH[one.purpose]} {where} "
            f"版本 {one.version}:{RESULTS_ZH[one.result]}({one.assessed_by})"
        )
    if not every:
        click.echo("没有影响评估,本机构的班次不能刷脸。请用 privacy assessment add 登记。")


@click.command("faces")
@click.option("--filed", metavar="REFERENCE", help="记录已备案:填写备案回执或编号。")
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def faces(filed: str | None, as_json: bool) -> None:
    """统计全安装存储了人脸的人数,对照预警值和须备案的人数。

    \b
    只数还能读出的人脸特征,已销毁的不算;在两家机构登记的同一人算两人。
    退出码:0 未达到;1 达到预警值;2 达到须备案的人数且尚未备案。
    """
    with failures_told(as_json), opened_house() as house:
        if filed is not None:
            face_count(house)
            file_faces(house, filed, OPERATOR)
        counted = face_count(house)
    stored = counted.stored
    if as_json:
        print_json(
            {
                "name": "privacy_faces",
                "people": stored.people,
                "photographed": stored.photographed,
                "warning": stored.warning.integer(),
                "filing": stored.filing.integer(),
                "state": stored.state,
                "due_on": None if counted.due_on is None else counted.due_on.isoformat(),
            }
        )
    else:
        click.echo(f"存储了人脸特征的有 {stored.people} 人,{STATES_ZH[stored.state]}。")
        for rule in (stored.warning, stored.filing, stored.working_days):
            click.echo(f"  {rule.parameter.text_zh}({rule.parameter.citation})")
        click.echo(f"另有照片(证件照、核验照片)可读的 {stored.photographed} 人。")
        if counted.due_on is not None:
            click.echo(f"待办:{counted.due_on} 以前备案,完成后运行 privacy faces --filed 回执编号。")
    if counted.due_on is not None:
        raise SystemExit(2)
    if stored.state == "warning":
        raise SystemExit(1)


def as_dict(one: ImpactAssessment) -> dict[str, object]:
    """Return the assessment as JSON values."""
    return {
        "id": one.id,
        "purpose": one.purpose,
        "class_run": one.class_run,
        "version": one.version,
        "assessed_on": one.assessed_on.isoformat(),
        "until": one.until.isoformat(),
        "assessed_by": one.assessed_by,
        "result": one.result.value,
        "necessity": one.necessity,
        "risks": one.risks,
        "measures": one.measures,
        "report_sha256": one.report_sha256,
        "recorded_by": one.recorded_by,
        "recorded_at": rfc3339(one.recorded_at),
    }
