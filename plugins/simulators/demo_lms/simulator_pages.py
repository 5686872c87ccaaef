"""/simulator: where the platform is told to misbehave and what became of it is read; the same doors take JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.errors import InvalidInput
from plugins.simulators.demo_lms.control import Control
from plugins.simulators.demo_lms.desk import desk, require_form_token, signed_in_user
from plugins.simulators.demo_lms.dynamic_registration import registration_link
from plugins.simulators.demo_lms.faults import KeyDoor, Manners, ServiceDoor
from plugins.simulators.demo_lms.names import NOTICE_TYPES
from plugins.simulators.demo_lms.notices import handler_of, send_notices
from plugins.simulators.demo_lms.rehearsal.case import Case
from plugins.simulators.demo_lms.roster import course_roster

blueprint = Blueprint("simulator", __name__)

_SKEWS = ((0, "准确"), (45, "快 45 秒（误差之内）"), (90, "快 90 秒"), (-90, "慢 90 秒"), (900, "快 15 分钟"))
_MOST_NOTICES = 100
_HERE = ZoneInfo("Asia/Shanghai")
_ROWS = {
    "A": "认证规定的错误",
    "V": "正确的进入",
    "B": "签名、时间、受众、一次性",
    "C": "角色、消息类型",
}


def control() -> Control:
    """Return the switchboard of the running simulator."""
    return cast(Control, current_app.extensions["demo_lms_control"])


@blueprint.before_request
def _protect() -> None:
    # A page of another site can send a form, but JSON only with our leave, which is never given (CORS).
    if request.method == "POST" and request.mimetype != "application/json":
        require_form_token()


@blueprint.errorhandler(InvalidInput)
def _refused(error: InvalidInput) -> Response:
    if request.mimetype == "application/json":
        return make_response(jsonify(reason=error.reason, message=error.message), error.http_status)
    return make_response(_page(error.message), error.http_status)


@blueprint.get("/simulator")
def show() -> str:
    """The page."""
    return _page()


@blueprint.get("/simulator/launches")
def launches() -> Response:
    """The last launches, the newest first."""
    return jsonify(control().launches())


@blueprint.get("/simulator/faults")
def faults() -> Response:
    """The switches as they stand."""
    return jsonify(control().faults())


@blueprint.post("/simulator/faults")
def set_faults() -> AnyResponse:
    """Set some switches: fault (id of a case or a row, "" for none), key_door, services, skew_seconds."""
    sent = _sent()
    if request.mimetype != "application/json" and "skew_seconds" in sent:
        sent = {**sent, "skew_seconds": _whole_number(sent["skew_seconds"])}
    control().set_faults(sent)
    return _answer(control().faults())


@blueprint.post("/simulator/keys")
def rotate_keys() -> AnyResponse:
    """Sign with a new key; the old one stays published unless "keep_old" is false."""
    control().rotate_keys(keep_old=_sent().get("keep_old", True) not in (False, "no"))
    return _answer(control().faults())


@blueprint.post("/simulator/rehearsals")
def rehearse() -> AnyResponse:
    """Play all cases, or the one that "case" names."""
    named = _sent().get("case", "")
    if not isinstance(named, str):
        raise InvalidInput("value_malformed", "case 的值不正确。")
    control().rehearse(named)
    return _answer(control().launches(), 202)


@blueprint.post("/simulator/roster")
def change_roster() -> AnyResponse:
    """Let a member pause, go or come back: {"sub": …, "status": "Active", "Inactive" or "Deleted"}."""
    sent = _sent()
    try:
        course_roster().set_status(sent["sub"], sent["status"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput("value_malformed", "没有这个人，或状态不正确。") from error
    return _answer({"sub": sent["sub"], "status": sent["status"]})


@blueprint.post("/simulator/notices")
def notify() -> AnyResponse:
    """Send right notices to where the tool wants them: "type" and, up to a hundred, "number"."""
    sent = _sent()
    notice_type, number = sent.get("type", NOTICE_TYPES[0]), sent.get("number", 1)
    if notice_type not in NOTICE_TYPES or type(number) is not int or not 1 <= number <= _MOST_NOTICES:
        raise InvalidInput("value_malformed", "通知的类型或条数不正确。")
    if not handler_of(desk(), notice_type):
        raise InvalidInput("handler_missing", "工具没有登记接收这种通知的地址。", http_status=409)
    return _answer({"status": send_notices(desk(), notice_type, number)})


@blueprint.post("/simulator/registrations")
def register_tool() -> AnyResponse:
    """Send the browser to the tool's registration address, "url", so that it registers itself with this platform."""
    url = _sent().get("url")
    if not isinstance(url, str):
        raise InvalidInput("value_malformed", "url 的值不正确。")
    return registration_link(desk(), url.strip())


@blueprint.post("/simulator/forget")
def forget() -> AnyResponse:
    """Forget the last launches."""
    control().forget()
    return _answer(control().launches())


def _sent() -> Mapping[str, Any]:
    if request.mimetype != "application/json":
        return {name: value for name, value in request.form.items() if name != "form_token"}
    body: Any = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InvalidInput("value_malformed", "请发送一个 JSON 对象。")
    return body


def _whole_number(text: Any) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput("value_malformed", "时钟误差应是整数秒。") from error


def _answer(body: dict[str, Any], status: int = 200) -> AnyResponse:
    if request.mimetype == "application/json":
        return make_response(jsonify(body), status)
    return redirect("/simulator", 303)


def _page(problem: str = "") -> str:
    here = control()
    return render_template(
        "simulator.html",
        user=signed_in_user(),
        problem=problem,
        now=here.faults(),
        seen=here.launches(),
        groups=_groups(here.cases),
        key_doors=list(KeyDoor),
        services=list(ServiceDoor),
        manners=list(Manners),
        skews=_SKEWS,
        clock_of=_clock_of,
    )


def _clock_of(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone(_HERE).strftime("%H:%M:%S")


def _groups(cases: Mapping[str, Case]) -> list[tuple[str, list[Case]]]:
    """Return the cases that a browser can carry, by the part of the list they stand in."""
    return [
        (words, [case for case in cases.values() if case.id.startswith(letter) and case.token is not None])
        for letter, words in _ROWS.items()
    ]
