"""The page on which a teacher chooses what of the bridge stands in the LMS course, and its signed answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId
from bridge.registry.link_model import (
    HOURS_TAG,
    LINK_HOURS,
    LinkChoice,
    LinkKind,
    hours_column_id,
)
from bridge.registry.model import ClassRun
from bridge.web.pages.lms_visits import TeacherVisit, teacher_visit, unsealed
from bridge.web.platform_post import platform_post
from bridge.web.security import rate_limited
from bridge.wiring import House
from lti.deep_linking import (
    DeepLinkingRequest,
    LineItem,
    LtiResourceLinkItem,
    deep_linking_response_jwt,
)

_MAX_CHOSEN = 100
_LINK = "ltiResourceLink"


@dataclass(frozen=True, slots=True)
class ChoicePage:
    """What the page shows.

    Args:
        run: the class run that is chosen from; None while the LMS course is linked to none.
        runs: what it may be linked to.
        bound: the LMS course itself is linked to `run`; otherwise the platform told us no course.
    """

    request: DeepLinkingRequest
    run: ClassRun | None
    runs: Sequence[ClassRun]
    choices: Sequence[LinkChoice]
    bound: bool

    @property
    def takes_links(self) -> bool:
        return _LINK in self.request.accept_types

    @property
    def takes_columns(self) -> bool:
        return self.request.accept_lineitem is not False


def deep_link_pages(house: House) -> Blueprint:
    """Return the blueprint of `/deep-link…`."""
    pages = Blueprint("deep_link", __name__, url_prefix="/deep-link")

    def page(visit: TeacherVisit, status: int = 200, **form: Any) -> AnyResponse:
        view = _gather(house, visit, request.values.get("class_run"))
        return make_response(render_template("lms/deep_link.html", page=view, **form), status)

    @pages.get("")
    def choose() -> AnyResponse:
        return page(teacher_visit())

    @pages.post("/class-run")
    @rate_limited("30 per minute")
    def link_class_run() -> AnyResponse:
        visit = teacher_visit()
        _request(house, visit)
        context = session.get("context_id")
        if context is None:
            raise InvalidInput(
                "context_missing", "学习平台没有说明是哪门课程,不能关联班次。", http_status=422
            )
        chosen = request.form.get("class_run", "")
        if not chosen:
            return page(visit, 422, wrong=_("请先选择这门课程对应的班次。"))
        with house.uow.for_institution(visit.institution) as tx:
            house.at(tx).links.link_context(
                visit.registration, context, ClassRunId(chosen), by=visit.account_id
            )
        return redirect(url_for("deep_link.choose"), code=303)

    @pages.post("")
    @rate_limited("30 per minute")
    def answer() -> AnyResponse:
        visit = teacher_visit()
        asked = _request(house, visit)
        chosen = request.form.getlist("item")[:_MAX_CHOSEN]
        if not chosen:
            return page(visit, 422, wrong=_("请至少选择一项内容，或点击“取消”返回学习平台。"))
        view = _gather(house, visit, request.form.get("class_run"))
        known = {choice.key: choice for choice in view.choices}
        if not set(chosen) <= set(known):
            raise InvalidInput(
                "link_target_unknown", "所选内容不存在或不属于本机构,请重新选择。", http_status=422
            )
        column = request.form.get("hours") == "1" and view.takes_columns
        items = [_item(known[key], column) for key in dict.fromkeys(chosen)]
        return _respond(house, visit, asked, items, _("已选择 %(count)d 项内容。", count=len(items)))

    @pages.post("/cancel")
    @rate_limited("30 per minute")
    def cancel() -> AnyResponse:
        visit = teacher_visit()
        return _respond(house, visit, _request(house, visit), [], _("没有选择内容。"))

    return pages


def _request(house: House, visit: TeacherVisit) -> DeepLinkingRequest:
    """Return the platform's request; NotPermitted("deep_link_over") once it was answered."""
    kept = session.get("deep_linking")
    if kept is None:
        raise NotPermitted(
            "deep_link_over",
            "这次选择已经提交或已失效。如需再选，请回到学习平台重新添加内容。",
            http_status=409,
        )
    return DeepLinkingRequest.from_json(unsealed(house, visit.account_id, kept))


def _gather(house: House, visit: TeacherVisit, class_run: str | None) -> ChoicePage:
    asked = _request(house, visit)
    context = session.get("context_id")
    with house.uow.for_institution(visit.institution, read_only=True) as tx:
        stations = house.at(tx)
        bound = None if context is None else stations.registry.class_run_for(visit.registration, context)
        # Only where the platform names no course does the page itself say which class run is meant.
        wanted = bound or (ClassRunId(class_run) if context is None and class_run else None)
        run = None if wanted is None else stations.registry_store.class_run(wanted)
        return ChoicePage(
            request=asked,
            run=run,
            runs=stations.registry_store.class_runs() if run is None else (),
            choices=stations.links.choices(run.id) if run is not None else (),
            bound=bound is not None,
        )


def _item(choice: LinkChoice, column: bool) -> LtiResourceLinkItem:
    target = choice.target
    title = choice.title if target.kind is not LinkKind.GATE else f"{choice.title}(身份核验入口)"
    line_item, custom = None, target.custom()
    if column and target.kind is LinkKind.ENTRY and choice.class_hours:
        line_item = LineItem(
            label=f"{choice.title} 学时"[:255],
            score_maximum=Fraction(choice.class_hours),
            resource_id=hours_column_id(target.class_run),
            tag=HOURS_TAG,
        )
        custom[LINK_HOURS] = "on"
    # No address of its own: Open edX starts every login at the tool's default address, whatever an item says.
    return LtiResourceLinkItem(title=title[:255], custom=custom, line_item=line_item)


def _respond(
    house: House,
    visit: TeacherVisit,
    asked: DeepLinkingRequest,
    items: Sequence[LtiResourceLinkItem],
    message: str,
) -> AnyResponse:
    # Read anew: the registration may have been disabled, or have moved, since the teacher was sent here.
    registration = house.lti_registrations.by_id(visit.registration)
    post = deep_linking_response_jwt(house.lti_tool, registration, asked, items, message=message)
    del session["deep_linking"]
    return platform_post(post)
