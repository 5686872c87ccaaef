"""How errors leave: JSON with a reason code for programs, a page in Chinese for people. Never a stack, never a name."""

import structlog
from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from bridge.kernel.errors import BridgeError
from bridge.web.api.problems import PREFIXES, problem
from lti.errors import LaunchRefused

log = structlog.get_logger()

_HTTP_SENTENCES = {
    400: ("bad_request", "请求格式不正确。"),
    403: ("forbidden", "没有权限执行此操作。"),
    404: ("not_found", "没有找到这个页面,请检查网址。"),
    405: ("method_not_allowed", "不支持这种请求方式。"),
    413: ("body_too_large", "提交的内容过大。"),
    415: ("media_type", "不支持这种内容类型。"),
    429: ("too_many_requests", "操作过于频繁,请稍后再试。"),
}


def wants_json() -> bool:
    """Whether the caller is a program: its path is a door for programs, or it asks for JSON alone."""
    if request.path.startswith(("/agent/", "/webhooks/", "/healthz", "/readyz")):
        return True
    accepts = request.accept_mimetypes
    return accepts.best_match(["text/html", "application/json"]) == "application/json"


def error_response(reason: str, message: str, status: int, **more: object) -> Response:
    """Return the error in the form that the caller can use."""
    if request.path.startswith(PREFIXES):
        return problem(reason, message, status)
    if wants_json():
        response = jsonify({"reason": reason, "message": message, **more})
        response.status_code = status
        return response
    page = render_template("error.html", reason=reason, message=message, status=status)
    return make_response(page, status)


def register_error_handlers(app: Flask) -> None:
    """Answer each family of errors; what nobody expected is logged by its type and place alone."""

    @app.errorhandler(BridgeError)
    def bridge_error(error: BridgeError) -> Response:
        more = {"expected_seq": error.expected_seq} if hasattr(error, "expected_seq") else {}
        if hasattr(error, "url"):
            more["url"] = error.url
        return error_response(error.reason, error.message, error.http_status, **more)

    @app.errorhandler(LaunchRefused)
    def launch_refused(error: LaunchRefused) -> Response:
        return error_response(error.reason, error.message_zh, error.http_status)

    @app.errorhandler(DataError)
    def unstorable(_error: DataError) -> Response:
        # What a database cannot take (NUL, a text beyond its column) was never ours: PostgreSQL says so itself.
        return error_response("value_malformed", "提交的内容中有无法识别的字符或过长,请检查后重试。", 400)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        reason, message = _HTTP_SENTENCES.get(status, ("http_error", "请求无法处理,请稍后重试。"))
        answer = error_response(reason, message, status)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return answer

    @app.errorhandler(Exception)
    def defect(error: Exception) -> Response:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "" if trace is None else f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
        log.error(
            "defect", kind=type(error).__name__, place=place, path=request.url_rule and request.url_rule.rule
        )
        return error_response("internal_error", "系统出现问题,已记录,请稍后重试。", 500)
