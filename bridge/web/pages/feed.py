"""Reports to the regulator as the institution sees them: the door, what waits for people, batches, comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import legal_date
from bridge.reporting.door import Door
from bridge.reporting.door_store import SqlDoorStore
from bridge.reporting.model import WITHDRAWAL_REASONS, Batch, BatchReport, Record, RecordKind
from bridge.reporting.reconciliation import Reconciliation
from bridge.reporting.store import SqlReportingStore
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House, feed_desk

_LISTED = 50
_MOST_TO_CORRECT = 100
_RECIPIENT = "下载者本人"
_REASONS: Mapping[str, str] = {
    "regulator_unreachable": "连接不上监管平台",
    "regulator_too_slow": "监管平台回答过慢，已中断",
    "regulator_busy": "监管平台忙或正在维护",
    "regulator_certificate": "监管平台的证书无法验证，没有发出任何内容",
    "regulator_key_refused": "监管平台不接受本平台的密钥",
    "regulator_refused": "监管平台不接受请求，请检查报送地址",
    "regulator_redirect": "监管平台要求转到别的地址，未跟随",
    "regulator_schema_version": "监管平台要求其他版本的报送结构",
    "regulator_batch_refused": "监管平台不接受这个批次",
    "signer_missing": "设置中的签名方式没有适配器，批次没有生成",
    "sm2_library_missing": "设置要求国密签名，但没有安装 gmssl-pyx，批次没有生成",
    "sm2_profile_malformed": "国密签名设置（config/feeds/sm2.yaml）无法使用，批次没有生成",
    "signing_key_missing": "国密签名须设置本机构的 SM2 密钥，批次没有生成",
    "signing_key_unreadable": "报送签名的密钥文件无法使用，批次没有生成",
    "batch_changed": "存储中的批次与生成时不一致，没有发出",
    "evidence_unknown": "存储中的批次已按期限销毁，不能再发",
    "receipt_missing": "监管平台没有给出回执",
    "receipt_malformed": "监管平台的回执无法识别",
    "receipt_foreign": "回执不是针对这个批次的",
    "receipt_incomplete": "回执缺少部分记录的结论",
    "reconciliation_missing": "监管平台没有给出对账数据",
    "books_malformed": "监管平台的对账数据无法识别",
    "books_inconsistent": "监管平台的对账数据前后不一致",
    "regulator_missing": "尚未设置监管平台地址",
    "started": "发送中断，没有结果",
    "receipt": "收到回执",
}


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What the page shows; nobody's name.

    Args:
        maintenance_until: end of the maintenance that is under way, or None.
        records, batches_by_state: counts by state.
        to_correct: newest revisions that wait for people, the latest; `more_to_correct` if there are others.
        failed: batches that were given up.
    """

    connected: bool
    door: Door
    lets_through: bool
    maintenance_until: datetime | None
    records: Mapping[str, int]
    batches_by_state: Mapping[str, int]
    to_correct: tuple[Record, ...]
    more_to_correct: bool
    failed: tuple[Batch, ...]
    batches: tuple[Batch, ...]
    reconciliations: tuple[Reconciliation, ...]
    divisions: tuple[tuple[str, str], ...]
    yesterday: date


def feed_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/feed…`."""
    pages = Blueprint("feed", __name__, url_prefix="/institution/feed")

    @pages.get("")
    @require_role("institution", "administrator")
    def show() -> AnyResponse:
        page = _gather(house, staff_visit().own_institution())
        return make_response(render_template("institution/feed.html", page=page, reasons=_REASONS))

    @pages.get("/batches/<batch_id>")
    @require_role("institution", "administrator")
    def batch(batch_id: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            report: BatchReport = house.at(tx).reporting.report(batch_id)
        return make_response(
            render_template(
                "institution/feed_batch.html",
                report=report,
                reasons=_REASONS,
                withdrawal_reasons=WITHDRAWAL_REASONS,
            )
        )

    @pages.get("/reconciliations/<reconciliation_id>")
    @require_role("institution", "administrator")
    def differences(reconciliation_id: str) -> AnyResponse:
        with house.uow.for_institution(staff_visit().own_institution(), read_only=True) as tx:
            found = house.at(tx).reconciliation.kept(reconciliation_id)
        if found is None:
            abort(404)
        return make_response(
            render_template("institution/feed_differences.html", one=found, reasons=_REASONS)
        )

    @pages.post("/batches/<batch_id>/evidence")
    @require_role("institution", "administrator")
    @rate_limited("30 per hour")
    def evidence(batch_id: str) -> AnyResponse:
        visit = staff_visit()
        made = feed_desk.evidence_bundle(
            house, visit.own_institution(), batch_id, recipient=_RECIPIENT, by=visit.staff_id
        )
        answer = make_response(made)
        answer.mimetype = "application/zip"
        answer.headers["Content-Disposition"] = f'attachment; filename="{batch_id}.zip"'
        return answer

    @pages.post("/batches/<batch_id>/send-again")
    @require_role("institution", "administrator")
    @rate_limited("60 per hour")
    def send_again(batch_id: str) -> AnyResponse:
        visit = staff_visit()
        feed_desk.send_again(house, visit.own_institution(), batch_id, visit.staff_id)
        flash(_("已重新放入发送队列，内容不变；监管平台已收过的不会重复计算。"))
        return _back()

    @pages.post("/send-all-again")
    @require_role("institution", "administrator")
    @rate_limited("60 per hour")
    def send_all_again() -> AnyResponse:
        visit = staff_visit()
        count = feed_desk.send_all_again(house, visit.own_institution(), visit.staff_id)
        flash(_("通道已恢复，%(count)d 个停发的批次重新放入发送队列。", count=count))
        return _back()

    @pages.post("/records/<kind>/<number>/correct")
    @require_role("institution", "administrator")
    @rate_limited("120 per hour")
    def correct(kind: str, number: str) -> AnyResponse:
        visit = staff_visit()
        count = feed_desk.correct(house, visit.own_institution(), _kind(kind), number, visit.staff_id)
        flash(_("已按现在的信息生成新的版次，共 %(count)d 条，稍后报送。", count=count))
        return _back()

    @pages.post("/records/correct-all")
    @require_role("institution", "administrator")
    @rate_limited("30 per hour")
    def correct_all() -> AnyResponse:
        visit = staff_visit()
        count = feed_desk.correct_all(house, visit.own_institution(), visit.staff_id)
        flash(_("已按现在的信息生成新的版次，共 %(count)d 条，稍后报送。", count=count))
        return _back()

    @pages.post("/records/<kind>/<number>/withdraw")
    @require_role("institution", "administrator")
    @rate_limited("60 per hour")
    def withdraw(kind: str, number: str) -> AnyResponse:
        visit = staff_visit()
        reason = request.form.get("reason", "")
        feed_desk.withdraw(house, visit.own_institution(), _kind(kind), number, reason[:40], visit.staff_id)
        flash(_("撤回已放入发送队列。两边都保留原记录和撤回原因。"))
        return _back()

    @pages.post("/reconcile")
    @require_role("institution", "administrator")
    @rate_limited("30 per hour")
    def reconcile() -> AnyResponse:
        visit = staff_visit()
        institution = visit.own_institution()
        try:
            day = date.fromisoformat(request.form.get("day", "")[:10])
        except ValueError as error:
            raise InvalidInput("day_malformed", "请选择日期。") from error
        division = request.form.get("division", "")[:6]
        if division not in {code for code, _name in _divisions(house, institution)}:
            raise InvalidInput("division_unknown", "请选择有报送记录的地市。")
        try:
            found = feed_desk.reconcile_day(house, institution, division, day, visit.staff_id)
        except Unavailable as failed:
            flash(failed.message)
            return _back("reconciliations")
        return redirect(url_for("feed.differences", reconciliation_id=found.id), code=303)

    return pages


def _back(anchor: str | None = None) -> AnyResponse:
    return redirect(url_for("feed.show", _anchor=anchor), code=303)


def _kind(text: str) -> RecordKind:
    try:
        return RecordKind(text)
    except ValueError:
        abort(404)


def _divisions(house: House, institution: InstitutionId) -> tuple[tuple[str, str], ...]:
    with house.uow.for_institution(institution, read_only=True) as tx:
        codes = SqlReportingStore(tx).divisions()
    return tuple((code, house.divisions.get(code, code)) for code in codes)


def _gather(house: House, institution: InstitutionId) -> FeedPage:
    now = house.clock.now()
    counts = feed_desk.states(house, institution)
    with house.uow.for_institution(institution, read_only=True) as tx:
        store = SqlReportingStore(tx)
        door = SqlDoorStore(tx).door()
        to_correct = store.to_correct(_MOST_TO_CORRECT + 1)
        return FeedPage(
            connected=bool(house.settings.regulator_url),
            door=door,
            lets_through=door.lets_through(now),
            maintenance_until=house.feed_rules.maintenance_until(now),
            records=counts["records"],
            batches_by_state=counts["batches"],
            to_correct=to_correct[:_MOST_TO_CORRECT],
            more_to_correct=len(to_correct) > _MOST_TO_CORRECT,
            failed=store.failed(),
            batches=store.batches(_LISTED),
            reconciliations=house.at(tx).reconciliation.newest(30),
            divisions=tuple((code, house.divisions.get(code, code)) for code in store.divisions()),
            yesterday=legal_date(now) - timedelta(days=1),
        )
