"""Who looked at whom: an institution's log of accesses, and showing a whole name and number for a stated reason."""

from flask import Blueprint, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.identity.access_log import WHAT, Access, count, newest
from bridge.identity.model import REVEAL_REASONS
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.web.pages.visitors import staff_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House

_PAGE = 50
_MAX_TYPED = 40
_MAX_SEQ = 10**15
_REVEAL = "reveal."
_SUPERVISION = "supervision:"
_PURPOSES = {
    "institution.class_run_page": "班次页面",
    "institution.learner_page": "学员页面",
    "institution.supervision_page": "监督学习页面",
    "institution.privacy_page": "个人信息保护页面",
    "institution.deletion": "处理删除申请",
    "institution.card_check_page": "当面核对证件",
    "institution.person_page": "身份变更页面",
    "institution.change_evidence": "核对身份变更的证明材料",
    "institution.lms_courses_page": "学习平台课程页面",
    "institution.areas_page": "学员工作地页面",
    "export.eligibility": "导出考试报名资格名单",
    "institution.signals_page": "异常信号页面",
    "institution.intake_comparison": "与学习平台核对",
    "institution.hours_page": "学时说明页面",
    "institution.corrections_page": "更正页面",
    "institution.papers_page": "证明页面",
    "cli.versions": "运营人员查看身份变更",
    "institution.to_do_page": "班主任待办",
    "review.case": "核验复核",
    "review.learner_checks": "学员未通过的核验",
    "review.id_photo": "核验复核：报名证件照",
    "review.reference": "核验复核：人脸登记照",
    "review.check_frame": "核验复核：抓拍照片",
    "lms.submission_review": "教师在学习平台查看提交",
    "proctoring.verified_user": "考试前的身份确认",
    "learner.own_page": "学员本人查看",
    "export_learner": "导出学员资料",
    "issue_hour_certificate": "出具网络学时证明",
    "issue_completion_statement": "出具结业说明",
    "verify_page": "公开验证证明",
    "report_learner": "向监管平台报送",
    "report_evidence": "取出报送证据或汇总",
    "seal_learner_file": "封存学员档案",
    "institution.class_file": "班次培训档案页面",
    "institution.class_file_export": "下载班次培训档案",
    "institution.learner_file": "学员电子档案页面",
    "institution.learner_file_export": "下载学员电子档案",
    "archive.handover": "移交档案",
    "real_name.verify": "实名核验",
}
_MACHINES = {"completion": "系统(证明)", "archive": "系统(档案)", "reporting": "系统(报送)"}


def access_log_pages(house: House) -> Blueprint:
    """Return the blueprint of `/institution/access-log` and of a learner's whole identity."""
    pages = Blueprint("access_log", __name__, url_prefix="/institution")

    @pages.get("/access-log")
    @require_role("institution")
    def show() -> AnyResponse:
        institution = staff_visit().own_institution()
        learner = request.args.get("learner", "")[:_MAX_TYPED]
        before = request.args.get("before", "")
        known = before.isascii() and before.isdigit() and int(before[:16]) <= _MAX_SEQ
        with house.uow.for_institution(institution, read_only=True) as tx:
            rows = newest(tx, learner=learner, before=int(before) if known else None, limit=_PAGE + 1)
            total = count(tx)
        with house.uow.across_institutions("logins of who looked", read_only=True) as tx:
            staff = house.at(tx).staff
            found = {row.by: staff.by_id(row.by) for row in rows if not _is_supervision(row)}
        shown = render_template(
            "institution/access_log.html",
            rows=rows[:_PAGE],
            more=rows[_PAGE - 1].seq if len(rows) > _PAGE else None,
            learner=learner,
            total=total,
            logins=_MACHINES | {by: account.login for by, account in found.items() if account is not None},
            what=WHAT,
            purpose=_purpose,
            is_supervision=_is_supervision,
        )
        return make_response(shown)

    @pages.post("/class-runs/<class_run>/learners/<learner>/reveal")
    @require_role("institution")
    @rate_limited("30 per minute")
    def reveal(class_run: str, learner: str) -> AnyResponse:
        visit = staff_visit()
        reason = request.form.get("reason", "")
        wrong, person = None, None
        with house.uow.for_institution(visit.own_institution()) as tx:
            stations = house.at(tx)
            run = stations.registry.class_run(ClassRunId(class_run))
            stations.registry.require_enrolled(run.id, LearnerRef(learner))
            if reason not in REVEAL_REASONS:
                wrong = _("请选择查看原因。")
            else:
                person = stations.identity.disclose(
                    LearnerRef(learner),
                    purpose=f"{_REVEAL}{reason}",
                    recipient="培训机构",
                    by=visit.staff_id,
                    what="identity_full",
                )
        shown = render_template(
            "institution/revealed.html",
            run=run,
            learner=learner,
            person=person,
            reasons=REVEAL_REASONS,
            reason=reason,
            wrong=wrong,
        )
        return make_response(shown, 422 if wrong else 200)

    return pages


def _is_supervision(row: Access) -> bool:
    return row.purpose.startswith(_SUPERVISION)


def _purpose(row: Access) -> str:
    """Return why, in Chinese; what an authority looks into is not the institution's to read."""
    if _is_supervision(row):
        return "监管部门查询"
    return purpose_zh(row.purpose)


def purpose_zh(purpose: str) -> str:
    """Return in Chinese why somebody looked."""
    if purpose.startswith(_SUPERVISION):
        return "监管部门查询"
    if purpose.startswith(_REVEAL):
        return REVEAL_REASONS.get(purpose.removeprefix(_REVEAL), purpose)
    return _PURPOSES.get(purpose, purpose)
