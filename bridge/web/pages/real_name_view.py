"""Where a learner's real name stands, in words for the learner and for the institution's staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask_babel import gettext as _

from bridge.identity.consent import PHOTO_CONSENT, ConsentText
from bridge.identity.model import MaskedIdentity, mask_citizen_id, mask_name
from bridge.identity.name_checks import NO_CONSENT, STAFF_ALONE, NameCheck
from bridge.identity.provider_model import PASSING, CheckState, Outcome
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.ids import ClassRunId, InstitutionId
from bridge.web.pages.visitors import LearnerVisit
from bridge.wiring import House

_WAITING: Mapping[str, str] = {
    "": "已提交，正在向核验服务核对，通常几秒钟有结果。您不用重复提交。",
    Outcome.TIMEOUT: "核验服务这次回应较慢，系统会自动再试。这不是您的问题，您不用重复提交，可以先离开，稍后回来查看。",
    Outcome.OUTAGE: "核验服务暂时中断，系统会自动再试。这不是您的问题，您不用重复提交，可以先离开，稍后回来查看。",
    Outcome.QUOTA: "核验服务暂时不能使用，系统会自动再试。这不是您的问题，您不用重复提交，可以先离开，稍后回来查看。",
    Outcome.REFUSED: "核验服务暂时不能使用，系统会自动再试。这不是您的问题，您不用重复提交，可以先离开，稍后回来查看。",
}
_CARD = "请带上证件，请培训机构工作人员当面核对，核对后即可继续，不影响您报名。"
_FOR_STAFF: Mapping[str, str] = {
    Outcome.NO_RECORD: "数据源没有查到",
    Outcome.UNCLEAR: "核验服务无法判断",
    Outcome.TIMEOUT: "核验服务长时间没有回应",
    Outcome.OUTAGE: "核验服务长时间中断",
    Outcome.QUOTA: "核验服务额度用完",
    Outcome.REFUSED: "核验服务拒绝了本系统的请求",
}
_DETAILS: Mapping[str, str] = {
    NO_CONSENT: "学员选择不提供照片，改为当面核对",
    STAFF_ALONE: "护照号码没有校验位，系统无法核对，须当面核对本人和护照",
    "photo_below_threshold": "报名照片与数据源的照片不够相似，请仔细比对本人和证件",
    "photo_missing": "报名名单中没有照片",
    "document_not_covered": "核验服务不支持这种证件",
    "list_changed": "名单在核对期间有更正",
}


@dataclass(frozen=True, slots=True)
class NameStanding:
    """What the learner's page says beside the form.

    Args:
        state: "none" where nothing was asked, or where nothing remains to be said.
        provider: to whom name and number go; empty where they stay in the house.
        photo_consent: the text under which the ID photo may go there, too; None where it never does.
        look_again_seconds: how often the page looks whether there is news.
    """

    state: Literal["none", "pending", "staff", "mismatched"]
    sentence: str
    provider: str
    photo_consent: ConsentText | None
    look_again_seconds: int


@dataclass(frozen=True, slots=True)
class WaitingName:
    """One person of a class run whom staff must see."""

    check: str
    person: MaskedIdentity
    reason: str
    since: datetime


def name_standing(house: House, visit: LearnerVisit) -> NameStanding:
    """Return where the visitor's real name stands."""
    providers = house.real_name_providers
    photo = any(one.facts.needs_photo for one in providers)
    title = "、".join(one.facts.title_zh for one in providers)
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        check = house.at(tx).name_checks.newest(visit.account_id, visit.class_run)
    state, sentence = _say(check)
    seconds = 3 if check is None or not check.outcome else 30
    return NameStanding(state, sentence, title, PHOTO_CONSENT if photo else None, seconds)


def names_waiting(house: House, institution: InstitutionId, class_run: ClassRunId) -> list[WaitingName]:
    """Return whom staff must see, who has waited longest first; masked."""
    found = []
    with house.uow.for_institution(institution, read_only=True) as tx:
        store = SqlIdentityStore(tx, house.cipher)
        for check in house.at(tx).name_checks.for_staff(class_run):
            row = store.list_row_with(check.list_row_id)
            if row is not None:
                person = MaskedIdentity(mask_name(row.name), mask_citizen_id(row.citizen_id), row.employer)
                found.append(WaitingName(check.id, person, _why(check), check.asked_at))
    return found


def _say(check: NameCheck | None) -> tuple[Literal["none", "pending", "staff", "mismatched"], str]:
    if check is None or check.state is CheckState.MATCHED:
        return "none", ""
    if check.state is CheckState.PENDING:
        return "pending", _(_WAITING.get(check.outcome, _WAITING[""]))
    if check.state is CheckState.MISMATCHED:
        return "mismatched", _("姓名与身份证号码核对不一致，请对照身份证重新填写；确认无误请联系培训机构。")
    if check.detail == STAFF_ALONE:
        return "staff", _("护照号码没有校验位，系统无法核对。") + _(_CARD).replace("证件", "护照", 1)
    if check.detail == NO_CONSENT:
        return "staff", _("您没有选择提供照片。") + _(_CARD)
    if check.outcome in PASSING:
        again = _("核验服务一直没有给出结果，这不是您的问题。您可以在下面重新提交，再试一次；也可以")
        return "staff", again + _(_CARD).removeprefix("请")
    if check.outcome == Outcome.NO_RECORD:
        return "staff", _("数据源暂时没有查到您的信息，例如户口刚迁移时会这样。") + _(_CARD)
    return "staff", _("核验服务这次无法判断。") + _(_CARD)


def _why(check: NameCheck) -> str:
    said = _DETAILS.get(check.detail) or _FOR_STAFF.get(check.outcome, "")
    return _(said) if said else check.outcome
