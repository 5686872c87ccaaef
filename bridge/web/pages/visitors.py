"""Who looks at a page, as the server-side session says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from flask import request, session

from bridge.identity.sign_in import Caller
from bridge.identity.staff import StaffAccount
from bridge.kernel.errors import NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.web.sessions import WebSession

KNOWN_BROWSER = "anxue_browser"
"""Cookie of a browser from which somebody signed in before."""
_BROWSERS = (
    ("MicroMessenger/", "微信"),
    ("Edg/", "Edge"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("OpenHarmony", "鸿蒙"),
    ("Android", "安卓"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class LearnerVisit:
    """A learner after a launch; `learner` is None until the real name is proved."""

    institution: InstitutionId
    account_id: str
    learner: LearnerRef | None
    class_run: ClassRunId
    return_url: str | None

    @property
    def known(self) -> LearnerRef:
        """The learner; NotPermitted("real_name_required") before the real name is proved."""
        if self.learner is None:
            raise NotPermitted("real_name_required", "请先在学习页面完成实名登记。")
        return self.learner


@dataclass(frozen=True, slots=True)
class StaffVisit:
    """Somebody who signed in: staff of an institution, an official, an operator or an administrator."""

    staff_id: str
    login: str
    role: str
    institution: InstitutionId | None
    division_code: str | None

    def own_institution(self) -> InstitutionId:
        """Return whose staff this is; NotPermitted("no_institution") for an account of none."""
        if self.institution is None:
            raise NotPermitted("no_institution", "这个账号不属于任何培训机构，请用机构账号登录。")
        return self.institution


def learner_visit() -> LearnerVisit:
    """Return the learner of this session; behind `require_role("learner")` only."""
    return LearnerVisit(
        institution=session["institution_id"],
        account_id=session["account_id"],
        learner=session.get("learner"),
        class_run=session["class_run"],
        return_url=session.get("return_url"),
    )


def staff_visit() -> StaffVisit:
    """Return who is signed in; behind `require_role` of a staff role only."""
    return StaffVisit(
        staff_id=session["staff_id"],
        login=session.get("login", ""),
        role=session["role"],
        institution=session.get("institution_id"),
        division_code=session.get("division_code"),
    )


SURE_UNTIL = "sure_until"
SURE_FOR = timedelta(minutes=15)
"""Practice: how long a password that was just typed lets one change how one signs in."""


def start_staff_session(account: StaffAccount, factor: str | None, now: datetime) -> None:
    """Begin a new session, under a new id, for who has just proved who they are.

    Args:
        factor: how beside the password: "app", "passkey", "recovery"; None if not at all.
    """
    end_session()
    session.update(
        {SURE_UNTIL: (now + SURE_FOR).timestamp()},
        factor=factor,
        role=account.role,
        staff_id=account.id,
        login=account.login,
        institution_id=account.institution_id,
        division_code=account.division_code,
        browser=browser_words(request.user_agent.string),
    )


def caller() -> Caller:
    """Return where a try to sign in comes from."""
    return Caller(request.remote_addr or "", request.cookies.get(KNOWN_BROWSER, ""))


def browser_words(agent: str) -> str:
    """Return a browser in words of our own, e.g. "Chrome · Windows"; nothing of the header itself is kept."""
    known = [next((word for mark, word in words if mark in agent), "") for words in (_BROWSERS, _SYSTEMS)]
    return " · ".join(word for word in known if word) or "未知浏览器"


def end_session() -> None:
    """Drop the session's row and everything in it."""
    cast(WebSession, session).rotate()
