"""The rows of a list that leaves the house, read when it is fetched; every name in them is a logged disclosure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bridge.db.unit_of_work import Tx
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import LEGAL_ZONE
from bridge.registry.yaml_files import read_yaml
from bridge.supervision.eligibility import ITEMS, REQUIREMENTS, Candidate, Column, Mapped, sheet
from bridge.supervision.list_exports import ListExport
from bridge.supervision.signals_store import SqlAreaSignals
from bridge.supervision.store import SqlSupervisionStore
from bridge.wiring.supervised import scope_of, supervision

if TYPE_CHECKING:
    from bridge.wiring.house import House

MAPPING = Path("exports") / "exam-eligibility.yaml"
_MOST_SIGNALS = 5000
_PURPOSE = "export.eligibility"
Text = Annotated[str, StringConstraints(min_length=1, max_length=60)]


@dataclass(frozen=True, slots=True)
class ListFile:
    """Heading and rows, and how wide each column is."""

    title: str
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ColumnShape(_Shape):
    """One of `columns:`."""

    title_zh: Text
    item: Text
    width: Annotated[int, Field(ge=4, le=80)]


class MappingShape(_Shape):
    """exam-eligibility.yaml."""

    format: Literal[1]
    title_zh: Text
    basis: Literal["law", "standard", "practice", "operator"]
    columns: Annotated[list[ColumnShape], Field(min_length=1, max_length=40)]
    requires: list[Text]


def read_mapping(config: Path) -> Mapped:
    """Return the mapping of the exam office's form.

    Raises:
        Unavailable("export_mapping_wrong"): the file is missing, malformed, or names what is not known.
    """
    try:
        shape = MappingShape.model_validate(read_yaml(config / MAPPING))
    except (OSError, ValidationError, InvalidInput) as error:
        raise _wrong(str(MAPPING)) from error
    unknown = {one.item for one in shape.columns} - ITEMS | set(shape.requires) - set(REQUIREMENTS)
    if unknown:
        raise _wrong("、".join(sorted(unknown)))
    columns = tuple(Column(one.title_zh, one.item, one.width) for one in shape.columns)
    return Mapped(shape.title_zh, columns, tuple(shape.requires))


def authority_file(house: "House", tx: Tx, export: ListExport, division_code: str, *, by: str) -> ListFile:
    """Return a list of an authority, read through its scope.

    Raises:
        InvalidInput("not_in_area"): of the class run of a list of learners.
    """
    scope = scope_of(house, tx, division_code)
    store = SqlSupervisionStore(scope)
    if export.kind == "institutions":
        heading = ["统一社会信用代码", "机构名称", "所在地代码", "登记地与文号", "辖区内班次数"]
        rows = [
            [
                one.uscc,
                one.name,
                one.division_code or "",
                ";".join(f"{r.division_code} {r.document_number}" for r in one.registrations),
                str(one.class_runs),
            ]
            for one in store.institutions()
        ]
        return ListFile("培训机构名单(按代码排列)", [heading, *rows], [22, 34, 12, 44, 12])
    if export.kind == "class_runs":
        heading = ["班次", "培训机构", "统一社会信用代码", "地区代码", "开班日期", "结班日期", "学员", "证明"]
        rows = [
            [
                one.title,
                one.institution_name,
                one.uscc,
                one.division_code,
                one.opens_on.isoformat(),
                one.closes_on.isoformat(),
                str(one.learners),
                str(one.papers),
            ]
            for one in store.class_runs()
        ]
        return ListFile("班次名单", [heading, *rows], [34, 30, 22, 10, 12, 12, 8, 8])
    if export.kind == "signals":
        heading = ["记录时间", "情况", "培训机构", "班次", "学员代号", "变化", "机构核实"]
        rows = [
            [
                one.raised_at.astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M"),
                one.explanation.title,
                one.institution_name,
                one.class_run_title or "",
                one.learner or "",
                one.change,
                one.acknowledgement.note if one.acknowledgement else "待核实",
            ]
            for one in SqlAreaSignals(scope).signals(None, _MOST_SIGNALS)
        ]
        return ListFile("异常信号", [heading, *rows], [18, 22, 30, 30, 26, 26, 40])
    return _learners(house, tx, export, division_code, by=by)


def _learners(house: "House", tx: Tx, export: ListExport, division_code: str, *, by: str) -> ListFile:
    service = supervision(house, tx, division_code, officer=by)
    run, learners = service.class_run(ClassRunId(export.subject or ""))
    heading = ["学员代号", "姓名", "证件号码", "工作单位", "入班日期", "线上学时", "线下学时", "证明编号"]
    rows = []
    for one in learners:
        person = service.show(one.learner, f"{export.id} {export.purpose}", export.recipient)
        rows.append(
            [
                one.learner,
                person.name,
                person.citizen_id,
                person.employer,
                one.enrolled_on.isoformat(),
                str(one.online_class_hours),
                str(one.offline_class_hours),
                "、".join(paper.number for paper in one.papers if paper.status == "valid"),
            ]
        )
    return ListFile(f"班次学员:{run.title}", [heading, *rows], [26, 10, 22, 30, 12, 10, 10, 40])


def eligibility_file(house: "House", institution: InstitutionId, export: ListExport, *, by: str) -> ListFile:
    """Return who of a class run may apply for the exam, whole names and numbers, each logged.

    Raises:
        InvalidInput: class_run_unknown, also for another institution's.
        Unavailable("export_mapping_wrong")
    """
    mapping = read_mapping(house.settings.config)
    with house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        run = stations.registry.class_run(ClassRunId(export.subject or ""))
        candidates = []
        for learner in stations.registry.enrolled(run.id):
            person = stations.identity.disclose(
                learner,
                purpose=_PURPOSE,
                recipient=export.recipient,
                by=by,
                what="identity_full",
            )
            row = SqlIdentityStore(tx, house.cipher).list_row_of(run.id, learner)
            earned = stations.progress_notes.figures(learner, run.id)
            papers = {
                paper.kind.value: paper.number
                for paper in stations.completion_store.papers(learner, run.id)
                if paper.status == "valid"
            }
            test = stations.completion_store.accepted_test(learner, run.id)
            has = set(papers) | ({"test"} if test else set())
            if row is not None and row.photo is not None:
                has.add("photo")
            values = {
                "name": person.name,
                "citizen_id": person.citizen_id,
                "employer": person.employer,
                "trade": "" if row is None else row.trade,
                "class_run": run.title,
                "kind": _KINDS[run.kind],
                "category": run.category,
                "opens_on": run.opens_on.isoformat(),
                "closes_on": run.closes_on.isoformat(),
                "online_class_hours": str(earned[0]),
                "offline_class_hours": str(earned[1]),
                "test_score": f"{test['score']}/{test['maximum']}" if test else "",
                "hour_certificate": papers.get("hour_certificate", ""),
                "completion_statement": papers.get("completion_statement", ""),
            }
            candidates.append(Candidate(values, frozenset(has)))
    widths = [column.width for column in mapping.columns]
    return ListFile(f"{mapping.title_zh}:{run.title}", sheet(candidates, mapping), widths)


_KINDS = {"initial": "初次培训", "review": "复审培训", "renewal": "换证培训", "yearly_retraining": "再培训"}


def _wrong(what: str) -> Unavailable:
    return Unavailable(
        "export_mapping_wrong", f"导出列的设置({what})有误,请管理员修正后重试。", permanent=True
    )
