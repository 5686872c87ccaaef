"""The learner's checks that were not passed: what they cost, the way out, one button to appeal, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, Flask, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import BridgeError, InvalidInput
from bridge.kernel.ids import CheckId
from bridge.kernel.time import legal_date
from bridge.presence.model import PresenceCheck, check_sentence
from bridge.presence.review.model import (
    APPEAL_REASONS,
    APPEAL_REFUSALS_ZH,
    DECISIONS,
    OPENED_BY_SYSTEM,
    Review,
    against_appeal,
    appeal_until,
)
from bridge.registry.model import ClassRun
from bridge.web.pages import review_words
from bridge.web.pages.reviews_view import activity_of, check_lines
from bridge.web.pages.visitors import LearnerVisit, learner_visit
from bridge.web.security import rate_limited, require_role
from bridge.wiring import House
from bridge.wiring.stuck_learners import Stuck, stuck_at

_MAX_ID = 40
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """One check of the list.

    Args:
        until: last day of an appeal; `against`: what stands against one, None where the learner may appeal.
    """

    check: PresenceCheck
    ended_at: datetime
    sentence: str
    lost_seconds: int
    review: Review | None
    until: date
    against: str | None

    @property
    def reason_words(self) -> str:
        """Why people decided as they did; "" while that is not final."""
        final = self.review is not None and self.review.is_final and self.review.reason is not None
        return DECISIONS[self.review.reason].words_zh if final and self.review and self.review.reason else ""


@dataclass(frozen=True, slots=True)
class OwnChecks:
    """The page. `stuck` is None for who passed the newest check."""

    run: ClassRun
    stuck: Stuck | None
    checks: Sequence[OwnCheck]


def learner_check_pages(house: House) -> Blueprint:
    """Return the blueprint of `/learner/checks…`."""
    pages = Blueprint("learner_checks", __name__, url_prefix="/learner/checks")

    def page(status: int = 200, **form: str) -> AnyResponse:
        shown = render_template(
            "learner/checks.html",
            page=_gather(house, learner_visit()),
            words=review_words,
            reasons=APPEAL_REASONS,
            refusals=APPEAL_REFUSALS_ZH,
            **form,
        )
        return make_response(shown, status)

    @pages.get("")
    @require_role("learner")
    def show() -> AnyResponse:
        return page()

    @pages.post("/<check>/appeal")
    @require_role("learner")
    @rate_limited("20 per hour", key=lambda: f"account:{session['account_id']}")
    def appeal(check: str) -> AnyResponse:
        visit = learner_visit()
        try:
            with house.uow.for_institution(visit.institution) as tx:
                house.at(tx).reviews.appeal(
                    visit.known, visit.class_run, CheckId(check[:_MAX_ID]), request.form.get("reason", "")
                )
        except BridgeError as refused:
            if refused.reason not in (*APPEAL_REFUSALS_ZH, "appeal_reason_unknown"):
                raise
            return page(refused.http_status, wrong=refused.message, code=refused.reason, wrong_check=check)
        flash(_("已收到您的申诉，由两名工作人员复核，结果会显示在本页。"))
        return redirect(url_for("learner_checks.show", _anchor=check), code=303)

    return pages


def register_learner_checks(app: Flask, house: House) -> None:
    """Give templates `own_stuck`."""

    @app.template_global()
    def own_stuck() -> Stuck | None:
        """Return where the visiting learner is stuck on a check; None for who is not."""
        visit = learner_visit()
        if visit.learner is None:
            return None
        with house.uow.for_institution(visit.institution, read_only=True) as tx:
            return stuck_at(house.at(tx), visit.learner, visit.class_run)


def _gather(house: House, visit: LearnerVisit) -> OwnChecks:
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        stations = house.at(tx)
        learner = visit.known
        if visit.class_run not in stations.registry.class_runs_of(learner):
            raise InvalidInput(
                "class_run_unknown", "您不在这个班次中,请从课程页面重新进入。", http_status=404
            )
        rules = stations.review_rules.reviews(visit.class_run)
        reviews = stations.review_store.of_learner(learner, visit.class_run)
        today = legal_date(house.study_clock.now())
        own = []
        for line in check_lines(stations, learner, visit.class_run)[:_SHOWN]:
            check, ended = line.check, legal_date(line.ended_at)
            if not (line.lost_seconds or line.review or check.state in OPENED_BY_SYSTEM):
                continue
            cases = [one for one in reviews if one.check == check.id]
            own.append(
                OwnCheck(
                    check=check,
                    ended_at=line.ended_at,
                    sentence=check_sentence(check.state, activity_of(check)),
                    lost_seconds=line.lost_seconds,
                    review=line.review,
                    until=appeal_until(ended, cases, rules),
                    against=against_appeal(check.state, ended, cases, today, rules),
                )
            )
        return OwnChecks(
            stations.registry.class_run(visit.class_run),
            stuck_at(stations, learner, visit.class_run),
            own,
        )
