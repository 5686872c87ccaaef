"""The operations of the read API: one row for each path, with its scope, what may be asked and what is answered.

Routes and the OpenAPI document are both made from `OPERATIONS`, so that neither can say more than the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.supervision.api_queries import Chosen, Page, Shown, SqlApiQueries
from bridge.supervision.api_scopes import ApiScope
from bridge.supervision.signals_model import EXPLANATIONS
from bridge.supervision.spot_checks import SqlAreaSpotChecks
from bridge.supervision.store import SqlSupervisionStore
from bridge.web.api import parameters as asks
from bridge.web.api import shapes
from bridge.web.api.asked import Asked
from bridge.web.api.exports import PARQUET, allowed_exports, fetch_export
from bridge.web.api.learner_file import learner_file, not_in_area
from bridge.wiring.api import masked_people, scope_of_owner

_MOST_OF_A_RUN = 10_000
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One path that can be read.

    Args:
        id: operationId of the document, and the name of the route.
        answer: the shape of the body; of a list, the shape of one item.
        purpose: whether the request must or may state why (`Anxue-Purpose`).
        media: of the answer; anything but JSON is a file, which `read` returns as a response.
        links: name → (operation, parameter of its path, where in the answer its value stands).
    """

    id: str
    path: str
    scope: ApiScope
    summary: str
    query: type[asks.Query]
    answer: type[shapes.Shape]
    read: Callable[[Asked], Any]
    listed: bool = True
    purpose: Literal["none", "optional", "required"] = "none"
    media: str = "application/json"
    links: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)


def _listed(query: Callable[[SqlApiQueries, Chosen, Any, int], Page], shape: type[shapes.Shape]) -> Any:
    def read(asked: Asked) -> dict[str, Any]:
        page = asked.page(query, _chosen(asked))
        return asked.answer(page, shape, page.rows)

    return read


def _chosen(asked: Asked) -> Chosen:
    said: dict[str, Any] = asked.query.model_dump(exclude_none=True, exclude={"limit", "cursor"})
    week: date | None = said.pop("opening_week", None)
    if week is not None:
        monday = week - _ONE_DAY * week.weekday()
        sunday = monday + min(_ONE_DAY * 6, date.max - monday)
        said["opens_from"] = max(monday, said.get("opens_from", monday))
        said["opens_until"] = min(sunday, said.get("opens_until", sunday))
    if "state" in said:
        said["status"] = said.pop("state")
    return Chosen(today=asked.today, **said)


def _class_run(asked: Asked) -> dict[str, Any]:
    run = _one_run(asked)
    store = SqlSupervisionStore(scope_of_owner(asked.house, asked.tx, asked.caller.owner))
    units = store.units(ClassRunId(run["class_run"]))
    chosen = Chosen(today=asked.today, class_run=run["class_run"])
    learners = asked.queries.learners(chosen, None, _MOST_OF_A_RUN).rows
    sums = ("credited_seconds", "provisional_seconds", "refused_seconds")
    hours = ("online_class_hours", "offline_class_hours")
    totals = {name: sum(row[name] for row in learners) for name in (*sums, *hours)}
    for kind in ("hour_certificate", "completion_statement"):
        totals[f"learners_with_{kind}"] = sum(row[kind] is not None for row in learners)
    shown = [{"title": one.title, "activity": one.activity, "nominal_ms": one.nominal_ms} for one in units]
    return {**run, "units": shown, "totals": totals}


def _one_run(asked: Asked) -> Shown:
    wanted = asked.place["class_run"]
    found = asked.queries.class_run(wanted, asked.today)
    if found is None:
        raise not_in_area()
    return found


def _learners(asked: Asked) -> dict[str, Any]:
    run = _one_run(asked)
    page = asked.page(SqlApiQueries.learners, Chosen(today=asked.today, class_run=run["class_run"]))
    people: Mapping[LearnerRef, Any] = {}
    if asked.purpose is not None:
        wanted = [(InstitutionId(row["institution"]), LearnerRef(row["learner"])) for row in page.rows]
        people = masked_people(asked.house, wanted, asked.caller, asked.purpose)
    rows = [{**row, "person": _person(people.get(LearnerRef(row["learner"])))} for row in page.rows]
    return asked.answer(page, shapes.LearnerRow, rows)


def _person(found: Any) -> dict[str, str] | None:
    if found is None:
        return None
    return {"name": found.name, "citizen_id": found.citizen_id, "employer": found.employer}


def _learner(asked: Asked) -> shapes.LearnerFile:
    run, learner = ClassRunId(asked.place["class_run"]), LearnerRef(asked.place["learner"])
    return learner_file(asked.house, asked.tx, asked.caller, run, learner, asked.stated_purpose())


def _signals(asked: Asked) -> dict[str, Any]:
    page = asked.page(SqlApiQueries.signals, _chosen(asked))
    titles = {kind.value: told.title for kind, told in EXPLANATIONS.items()}
    rows = [{**row, "title": titles.get(row["kind"], row["kind"])} for row in page.rows]
    return asked.answer(page, shapes.Signal, rows)


def _spot_checks(asked: Asked) -> dict[str, Any]:
    page = asked.page(SqlApiQueries.spot_checks, _chosen(asked))
    checks = SqlAreaSpotChecks(scope_of_owner(asked.house, asked.tx, asked.caller.owner))
    rows = []
    for row in page.rows:
        check = checks.one(row["spot_check"])
        findings = [
            {
                "finding": one.id,
                "subject": one.subject,
                "text": one.text,
                "state": one.state.value,
                "due": one.due,
                "overdue": one.is_overdue(asked.today),
                "steps": [
                    {"step": step.step.value, "note": step.note, "at": step.at, "until": step.until}
                    for step in one.steps
                ],
            }
            for one in check.findings
        ]
        rows.append(
            {
                "spot_check": check.id,
                "institution": check.institution_id,
                "institution_name": check.institution_name,
                "class_run": check.class_run,
                "division_code": check.division_code,
                "office": check.office,
                "authority": check.authority,
                "reason": check.reason,
                "checked_on": check.checked_on,
                "opened_at": check.opened_at,
                "closed_at": check.closed_at,
                "conclusion": check.conclusion,
                "findings": findings,
            }
        )
    return asked.answer(page, shapes.SpotCheck, rows)


def _records(asked: Asked) -> dict[str, Any]:
    state: str | None = getattr(asked.query, "state", None)
    chosen = Chosen(today=asked.today, batch=asked.place["batch"], status=state)
    page = asked.page(SqlApiQueries.report_records, chosen)
    if not page.rows and not asked.queries.has_batch(asked.place["batch"]):
        raise not_in_area()
    return asked.answer(page, shapes.Record, page.rows)


_TO_LEARNERS = {"learners": ("listLearners", {"class_run": "$response.body#/class_run"})}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "listInstitutions",
        "/institutions",
        ApiScope.INSTITUTIONS,
        "培训机构与登记,按统一社会信用代码排列",
        asks.Paged,
        shapes.Institution,
        _listed(SqlApiQueries.institutions, shapes.Institution),
    ),
    Operation(
        "listClassRuns",
        "/class-runs",
        ApiScope.CLASS_RUNS,
        "班次,按开班日期排列",
        asks.ClassRunQuery,
        shapes.ClassRun,
        _listed(SqlApiQueries.class_runs, shapes.ClassRun),
    ),
    Operation(
        "getClassRun",
        "/class-runs/{class_run}",
        ApiScope.CLASS_RUNS,
        "一个班次:课程内容、学时合计、完成情况",
        asks.Query,
        shapes.ClassRunFile,
        _class_run,
        listed=False,
        links=_TO_LEARNERS,
    ),
    Operation(
        "listLearners",
        "/class-runs/{class_run}/learners",
        ApiScope.LEARNERS,
        "一个班次的学员:进度、学时、有效证明;写明事由时给出部分遮盖的姓名和号码,逐人记录",
        asks.Paged,
        shapes.LearnerRow,
        _learners,
        purpose="optional",
    ),
    Operation(
        "getLearner",
        "/class-runs/{class_run}/learners/{learner}",
        ApiScope.LEARNERS,
        "一名学员:逐段学习时间与理由、核验、测试、证明、报送、信号;须写明事由,查询会被记录",
        asks.Query,
        shapes.LearnerFile,
        _learner,
        listed=False,
        purpose="required",
    ),
    Operation(
        "listHours",
        "/hours",
        ApiScope.HOURS,
        "每名学员(代号)在每个班次的最新学时",
        asks.HoursQuery,
        shapes.HoursRow,
        _listed(SqlApiQueries.hours, shapes.HoursRow),
    ),
    Operation(
        "listPapers",
        "/papers",
        ApiScope.PAPERS,
        "网络学时证明与结业说明及其状态,按出具时间排列",
        asks.PaperQuery,
        shapes.Paper,
        _listed(SqlApiQueries.papers, shapes.Paper),
    ),
    Operation(
        "listSignals",
        "/signals",
        ApiScope.SIGNALS,
        "异常信号,按提出时间排列;不能删除或更改",
        asks.SignalQuery,
        shapes.Signal,
        _signals,
    ),
    Operation(
        "listSpotChecks",
        "/spot-checks",
        ApiScope.SPOT_CHECKS,
        "监管抽查、发现的问题与整改进展",
        asks.SpotCheckQuery,
        shapes.SpotCheck,
        _spot_checks,
    ),
    Operation(
        "listReportBatches",
        "/report-batches",
        ApiScope.REPORTS,
        "向省级平台报送的批次,各状态的条数",
        asks.BatchQuery,
        shapes.Batch,
        _listed(SqlApiQueries.report_batches, shapes.Batch),
    ),
    Operation(
        "listBatchRecords",
        "/report-batches/{batch}/records",
        ApiScope.REPORTS,
        "一个批次的每条记录与省级平台的结果",
        asks.RecordQuery,
        shapes.Record,
        _records,
    ),
    Operation(
        "listFigures",
        "/figures",
        ApiScope.FIGURES,
        "按日、按市的统计,与概览页相同",
        asks.FigureQuery,
        shapes.Figures,
        _listed(SqlApiQueries.figures, shapes.Figures),
    ),
    Operation(
        "listExports",
        "/exports",
        ApiScope.EXPORTS,
        "现在可以下载的整表:由两名监管人员在“名单导出”页面申请并批准",
        asks.Query,
        shapes.Export,
        allowed_exports,
    ),
    Operation(
        "getExport",
        "/exports/{export}.parquet",
        ApiScope.EXPORTS,
        "下载一份整表;每次下载都记录散列和行数",
        asks.Query,
        shapes.Export,
        fetch_export,
        listed=False,
        media=PARQUET,
    ),
)
