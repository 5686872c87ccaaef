"""The compliance page's facts, read from all stations, and what each shows of the articles today."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select

from bridge.archive.store import LearnerFileRow
from bridge.completion.store import CertificateRow
from bridge.db.unit_of_work import Tx
from bridge.flow import FLOW
from bridge.identity.tables import DisclosureRow
from bridge.intake.quarantine_model import State
from bridge.intake.quarantine_tables import IntakeQuarantineRow
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.kernel.time import legal_date
from bridge.ledger.store import LedgerHeadRow
from bridge.presence.tables import PresenceCheckRow
from bridge.registry.model import ClassRun
from bridge.registry.tables import ClassRunRow, EnrolmentRow
from bridge.reporting.tables import ReportRecordRow
from bridge.rules.articles import load_articles
from bridge.rules.decisions import outline_hours
from bridge.rules.model import NoRuleInForce, ProfileInForce
from bridge.supervision.compliance import DocumentPart, Evidence, EvidenceState, article_zh, compliance
from bridge.supervision.signals_store import SignalAcknowledgementRow, SupervisionSignalRow
from bridge.wiring.supervised import area_of

if TYPE_CHECKING:
    from bridge.wiring.house import House

FLOW_DOCUMENT = "粤应急规〔2022〕3号"
"""Whose articles bridge/flow.py names."""

_NOT_BUILT: Mapping[str, str] = {
    "backups": "本系统没有备份记录,请平台另行出示备份和检查记录。",
    "content_review": "本系统没有内容审核记录,请平台另行出示审核记录。",
    "support": "本系统没有服务工单记录,请平台另行出示答复和解决的时间。",
    "unified_login": "没有启用省统一身份认证登录(接口规范未见)。",
    "course_review": "本系统没有课程审核记录,请机构和平台另行出示审核表。",
    "ratings": "本系统没有学员评价记录。",
}


@dataclass(slots=True)
class Facts:
    """What was counted over the class runs that the reader may see."""

    class_runs: int = 0
    open_runs: int = 0
    unconnected: list[str] = field(default_factory=list)
    against: Counter[str] = field(default_factory=Counter)
    stops: list[str] = field(default_factory=list)
    outline: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ProfilePart:
    """One profile that the reader's class runs use."""

    rules: ProfileInForce
    class_runs: int
    documents: tuple[DocumentPart, ...]


@dataclass(frozen=True, slots=True)
class CompliancePage:
    """All that the page shows, as of `today` (the study clock's legal day)."""

    today: date
    profiles: tuple[ProfilePart, ...]


def compliance_page(
    house: "House", *, institution: InstitutionId | None = None, division: str | None = None
) -> CompliancePage:
    """Return the page of one institution, of one division's class runs, or (neither given) of the whole bridge."""
    today = legal_date(house.study_clock.now())
    runs = _class_runs(house, institution, division)
    facts: dict[str, Facts] = {}
    for owner, ids in runs.items():
        _gather(house, owner, ids, today, facts)
    parts = []
    for name in sorted(facts) or ["guangdong"]:
        rules = house.rules.profile(name)
        found = facts.get(name, Facts())
        articles = load_articles((pack.id for pack in rules.packs), house.settings.config)
        documents = compliance(rules, articles, flow_steps(), evidence_of(found), today)
        parts.append(ProfilePart(rules, found.class_runs, documents))
    return CompliancePage(today, tuple(parts))


def flow_steps() -> dict[tuple[str, str], list[str]]:
    """Return the events of bridge/flow.py by the article that their steps serve."""
    steps: dict[tuple[str, str], list[str]] = {}
    for row in FLOW:
        steps.setdefault((FLOW_DOCUMENT, article_zh(row.article)), []).append(row.event)
    return steps


def evidence_of(facts: Facts) -> dict[str, Evidence]:
    """Return each kind of evidence that articles.yaml may name."""
    told: dict[str, tuple[EvidenceState, str]] = {name: ("none", why) for name, why in _NOT_BUILT.items()}
    counts = facts.counts
    told["class_runs"] = _some(
        facts.class_runs, f"共 {facts.class_runs} 个班次,正在进行 {facts.open_runs} 个。", "还没有班次。"
    )
    connected = f"{len(facts.unconnected)} 家机构所用的平台没有登记接入省级监管平台。"
    told["provincial_connection"] = (
        ("attention", connected)
        if facts.unconnected
        else _some(facts.class_runs, "已登记接入。", "还没有班次。")
    )
    missing = facts.against["not_registered_in_city"]
    told["city_registration"] = (
        ("attention", f"{missing} 个正在进行的班次所在地市没有有效登记。")
        if missing
        else _some(facts.open_runs, "正在进行的班次均有有效登记。", "没有正在进行的班次。")
    )
    contact = sum(n for code, n in facts.against.items() if code.startswith("contact"))
    told["contact_data"] = (
        ("attention", f"{contact} 个正在进行的班次因联系方式核查不能学习。")
        if contact
        else _some(facts.open_runs, "正在进行的班次没有联系方式方面的问题。", "没有正在进行的班次。")
    )
    told["outline_hours"] = _outline(facts.outline)
    told["real_names"] = _some(
        counts["enrolled"], f"{counts['enrolled']} 人次实名后入班。", "还没有学员实名。"
    )
    told["presence_checks"] = _some(
        counts["checks"], f"{counts['checks']} 次在场核验有结论。", "还没有在场核验。"
    )
    told["ledger"] = (
        ("attention", f"{counts['set_aside']} 项收到的消息或任务被隔离待处理,可能还没有记入台账。")
        if counts["set_aside"]
        else _some(
            counts["ledgers"],
            f"{counts['ledgers']} 本台账逐条哈希相接,可用 ledger verify 核对。",
            "还没有台账。",
        )
    )
    told["class_hours"] = (
        ("attention", facts.stops[0])
        if facts.stops
        else _some(counts["ledgers"], "学时由台账按规则包重算,可用 hours explain 逐段查看。", "还没有台账。")
    )
    told["papers"] = _some(counts["papers"], f"有效证明 {counts['papers']} 份。", "还没有出具证明。")
    told["archives"] = _some(counts["files"], f"已封存学员档案 {counts['files']} 份。", "还没有封存档案。")
    told["disclosures"] = _some(
        counts["disclosures"], f"{counts['disclosures']} 次查看姓名均有记录。", "还没有人查看过姓名。"
    )
    told["reports"] = _some(
        counts["reported"], f"已被接收的报送记录 {counts['reported']} 条。", "还没有被接收的报送记录。"
    )
    open_signals = counts["signals"] - counts["acknowledged"]
    told["signals"] = (
        ("attention", f"异常信号 {counts['signals']} 条,其中 {open_signals} 条待核实。")
        if open_signals > 0
        else (
            "good",
            f"异常信号 {counts['signals']} 条,均已核实。" if counts["signals"] else "没有异常信号。",
        )
    )
    return {name: Evidence(name, state, sentence) for name, (state, sentence) in told.items()}


def _some(count: int, good: str, none: str) -> tuple[EvidenceState, str]:
    return ("good", good) if count else ("none", none)


def _outline(found: Counter[str]) -> tuple[EvidenceState, str]:
    parts = [
        f"{found[name]} 个班次{words}"
        for name, words in (
            ("below", "的大纲少于规定学时"),
            ("unsure", "的大纲少于未经确认的学时表"),
            ("unknown", "的类别没有学时规定可对照"),
            ("met", "的大纲达到规定学时"),
        )
        if found[name]
    ]
    if not parts:
        return "none", "还没有班次。"
    bad = found["below"] + found["unsure"] + found["unknown"]
    return ("attention" if bad else "good"), ",".join(parts) + "。"


def _class_runs(
    house: "House", institution: InstitutionId | None, division: str | None
) -> dict[InstitutionId, list[ClassRunId]]:
    wanted = select(ClassRunRow.institution_id, ClassRunRow.id).order_by(ClassRunRow.id)
    if institution is not None:
        wanted = wanted.where(ClassRunRow.institution_id == institution)
    if division is not None:
        wanted = wanted.where(ClassRunRow.division_code.startswith(area_of(house.divisions, division).prefix))
    runs: dict[InstitutionId, list[ClassRunId]] = {}
    with house.uow.across_institutions("class runs of the compliance page", read_only=True) as tx:
        for owner, run in tx.session.execute(wanted):
            runs.setdefault(InstitutionId(owner), []).append(ClassRunId(run))
    return runs


def _gather(
    house: "House",
    institution: InstitutionId,
    ids: Sequence[ClassRunId],
    today: date,
    facts: dict[str, Facts],
) -> None:
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        owner = stations.registry_store.institution()
        by_profile: dict[str, list[ClassRunId]] = {}
        for run in (stations.registry.class_run(one) for one in ids):
            found = facts.setdefault(run.profile, Facts())
            found.class_runs += 1
            by_profile.setdefault(run.profile, []).append(run.id)
            if owner is not None and not owner.provincial_connected and owner.name not in found.unconnected:
                found.unconnected.append(owner.name)
            outline = stations.registry_store.outline(run.outline_id)
            if outline is not None:
                rules = house.rules.profile(run.profile)
                found.outline[_outline_state(run, outline.theory_class_hours, rules)] += 1
            if run.opens_on <= today <= run.closes_on:
                found.open_runs += 1
                try:
                    against = stations.registry.opening_decision(run, today).reasons
                except NoRuleInForce as error:
                    found.stops.append(error.message)
                else:
                    found.against.update({reason.code for reason in against})
            found.counts.update(_counts(tx, run.id))
        set_aside = _number(tx, IntakeQuarantineRow, IntakeQuarantineRow.state == State.WAITING)
        for profile, mine in by_profile.items():
            # Of the whole institution: whose class run a message is, is often what nobody knows yet.
            facts[profile].counts["set_aside"] += set_aside
            # Asked once for all runs: who is in two of them was not looked at twice.
            learners = select(EnrolmentRow.learner).where(EnrolmentRow.class_run_id.in_(mine))
            facts[profile].counts["disclosures"] += _number(
                tx, DisclosureRow, DisclosureRow.learner.in_(learners)
            )


def _outline_state(run: ClassRun, theory_class_hours: int, rules: ProfileInForce) -> str:
    try:
        decision = outline_hours(theory_class_hours, run.category, run.kind, rules, run.opens_on)
    except NoRuleInForce:
        return "unknown"
    if not decision.value:
        return "below"
    return "unsure" if decision.reasons else "met"


def _counts(tx: Tx, run: ClassRunId) -> dict[str, int]:
    signals = select(SupervisionSignalRow.id).where(SupervisionSignalRow.class_run_id == run)
    return {
        "enrolled": _number(tx, EnrolmentRow, EnrolmentRow.class_run_id == run),
        "checks": _number(
            tx, PresenceCheckRow, PresenceCheckRow.class_run == run, PresenceCheckRow.decided_ms.is_not(None)
        ),
        "ledgers": _number(tx, LedgerHeadRow, LedgerHeadRow.class_run_id == run),
        "papers": _number(
            tx,
            CertificateRow,
            CertificateRow.class_run_id == run,
            CertificateRow.status == "valid",
            or_(CertificateRow.expires_on.is_(None), CertificateRow.expires_on > legal_date(tx.clock.now())),
        ),
        "files": _number(tx, LearnerFileRow, LearnerFileRow.class_run_id == run),
        "reported": _number(
            tx, ReportRecordRow, ReportRecordRow.class_run_id == run, ReportRecordRow.state == "accepted"
        ),
        "signals": _number(tx, SupervisionSignalRow, SupervisionSignalRow.class_run_id == run),
        "acknowledged": _number(
            tx, SignalAcknowledgementRow, SignalAcknowledgementRow.signal_id.in_(signals)
        ),
    }


def _number(tx: Tx, table: Any, *where: ColumnElement[bool]) -> int:
    return tx.session.scalar(select(func.count()).select_from(table).where(*where)) or 0
