"""Commands of the operator that work on this bridge's own database: load a catalogue, export a learner."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bridge.assessment_files import assess_from
from bridge.commands.materials import enter_materials, materials_command, take_in_materials
from bridge.completion.model import PaperKind
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.json_line import print_json
from bridge.kernel.time import legal_date
from bridge.plugin_loader import load
from bridge.registry.catalogue import read_catalogue
from bridge.settings import Settings
from bridge.wiring import House

_DEMONSTRATION = "demo"
_MAX_PHOTO_BYTES = 2 * 1024 * 1024


@click.group("catalogue", help="机构、课程、班次与报名名单(YAML)。")
def catalogue() -> None:
    """Hold the commands together."""


@catalogue.command("load", help="载入 DIR 中的 YAML;重复载入同样的内容不会产生变化。")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="替换 YAML 中的 {NAME}。")
@click.option(
    "--photographs",
    metavar="DIR",
    help="证件照所在目录(文件名为 YAML 中的代号,.jpg 或 .png);演示用 demo。",
)
@click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
def load_command(folder: Path, variables: tuple[str, ...], photographs: str | None, as_json: bool) -> None:
    """Load everything in one unit of work, and print the invitations of new staff once."""
    named: dict[str, str] = {}
    for one in variables:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter(f"应写作 NAME=VALUE:{one}", param_hint="--var")
        named[name] = value
    house = House.build(Settings())
    try:
        result = load_catalogue(house, folder, named, photographs_from(photographs))
    finally:
        house.close()
    if as_json:
        print_json(result)
        return
    click.echo(f"已载入 {result['institution']}:新增 {len(result['added'])} 项,报名 {result['listed']} 人。")
    for invitation in result["invitations"]:
        click.echo(f"邀请 {invitation['login']}(只显示一次):{invitation['url']}")


def load_catalogue(
    house: House, folder: Path, variables: dict[str, str], photographs: Callable[[str], bytes]
) -> dict[str, Any]:
    """Load the YAML of `folder`; return what is new, with the one-time invitation of each new staff member."""
    read = read_catalogue(folder, today=legal_date(house.clock.now()), variables=variables)
    if any(one.demo for one in read.lti_registrations) and not house.settings.demonstration:
        raise InvalidInput(
            "demo_registration", "演示用的平台登记(demo: true)只能在演示模式载入;正式平台请改为 demo: false。"
        )
    materials = take_in_materials(house, folder)
    with house.uow.for_institution(read.institution.id) as tx:
        stations = house.at(tx)
        report = stations.registry.load_catalogue(read)
        assess_from(stations, folder, legal_date(house.clock.now()))
        listed = stations.identity.load_enrolment_list(read.enrolment_list, photographs)
        invitations = stations.staff.load(read.staff)
        tx.session.flush()
        reviewed = enter_materials(house, tx, materials)
    return {
        "institution": read.institution.id,
        "added": list(report.added),
        "unchanged": report.unchanged,
        "listed": listed,
        "materials": reviewed,
        "class_runs": [run.id for run in read.class_runs],
        "invitations": [
            {"login": one.login, "url": f"{house.settings.public_url}/invite/{one.token}"}
            for one in invitations
        ],
    }


catalogue.add_command(materials_command)


def photographs_from(where: str | None) -> Callable[[str], bytes]:
    """Return symbol → bytes: from a folder, or for "demo" the photographs of public packages."""
    if where == _DEMONSTRATION:
        plugin = load("photographs")
        made = {"learner": plugin.learner_id_photo, "second_learner": plugin.other_person_id_photo}
        return lambda symbol: made[symbol]()
    folder = None if where is None else Path(where)

    def read(symbol: str) -> bytes:
        if folder is None:
            raise LookupError(symbol)
        for suffix in (".jpg", ".jpeg", ".png"):
            path = folder / f"{Path(symbol).name}{suffix}"
            if path.is_file() and path.stat().st_size <= _MAX_PHOTO_BYTES:
                return path.read_bytes()
        raise LookupError(symbol)

    return read


@click.group("export", help="导出学员的证明、台账与档案(含个人信息,请妥善保管)。")
def export() -> None:
    """Hold the commands together."""


@export.command("learner", help="把学员在某班次的台账、证明、档案和报送文件写入 DIR。")
@click.option("--institution", required=True, help="机构编号。")
@click.option("--learner", required=True, help="学员编号(LearnerRef)。")
@click.option("--class-run", required=True, help="班次编号。")
@click.option("--by", required=True, help="操作人(写入披露记录)。")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="目标目录。")
def export_learner(institution: str, learner: str, class_run: str, by: str, out: Path) -> None:
    """Write ledger.jsonl, certificate.pdf, completion.pdf, bag/, batch.xml, receipt.xml and facts.json."""
    house = House.build(Settings())
    try:
        facts = write_learner(
            house, InstitutionId(institution), LearnerRef(learner), ClassRunId(class_run), by=by, out=out
        )
    finally:
        house.close()
    print_json(facts)


def write_learner(
    house: House,
    institution: InstitutionId,
    learner: LearnerRef,
    class_run: ClassRunId,
    *,
    by: str,
    out: Path,
) -> dict[str, Any]:
    """Write a learner's files into `out`; return the figures that stand in facts.json."""
    out.mkdir(parents=True, exist_ok=True)
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        # Logged like any other disclosure: what is written below carries the person's name.
        stations.identity.disclose(learner, purpose="export_learner", recipient=by, by=by)
        statement = stations.ledger.statement(learner, class_run)
        earned = stations.earned.earned(learner, class_run)
        (out / "ledger.jsonl").write_bytes(stations.ledger.export_jsonl(learner, class_run))
        papers = {paper.kind: paper for paper in stations.completion.papers(learner, class_run)}
        for kind, name in (
            (PaperKind.HOUR_CERTIFICATE, "certificate.pdf"),
            (PaperKind.COMPLETION_STATEMENT, "completion.pdf"),
        ):
            if kind in papers:
                (out / name).write_bytes(stations.completion.pdf(papers[kind]))
        sealed = stations.archive.take_out(learner, class_run, out / "bag") if papers else None
        batches = []
        for report in stations.reporting.reports():
            if not any(record.learner == learner for record in report.records):
                continue
            batches.append(
                {
                    "batch": report.batch.id,
                    "state": report.batch.state.value,
                    "attempts": len(report.attempts),
                    "records": len(report.records),
                    "receipt": None if report.receipt is None else report.receipt.status,
                }
            )
            if len(batches) == 1:
                (out / "batch.xml").write_bytes(stations.reporting.batch_xml(report.batch.id))
                if report.receipt_raw is not None:
                    (out / "receipt.xml").write_bytes(report.receipt_raw)
    hour_paper = papers.get(PaperKind.HOUR_CERTIFICATE)
    statement_paper = papers.get(PaperKind.COMPLETION_STATEMENT)
    facts = {
        "learner": learner,
        "class_run": class_run,
        "anchored": statement.anchored,
        "credited_seconds": statement.credited_seconds,
        "provisional_seconds": statement.provisional_seconds,
        "refused_seconds": statement.refused_seconds,
        "class_hours": earned.online_class_hours,
        "offline_class_hours": earned.offline_class_hours,
        "ledger_head": earned.ledger_head,
        "certificate_number": None if hour_paper is None else hour_paper.number,
        "certificate_sha256": None if hour_paper is None else hour_paper.sha256,
        "certificate_class_hours": None if hour_paper is None else hour_paper.facts["class_hours"],
        "completion_number": None if statement_paper is None else statement_paper.number,
        "bag_sha256": None if sealed is None else sealed.bag_sha256,
        "batches": batches,
    }
    (out / "facts.json").write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n")
    return facts
