"""The doors /lti/login, /lti/launch and /lti/jwks as a Flask blueprint; no other file here knows Flask.

A browser that opens the tool in a frame and brings no binding cookie is given a page that finds out what it can
do (`lti.browser_pages`); every other login is answered with a plain redirect.
"""

import re
from collections.abc import Callable, Mapping

from flask import Blueprint, Request, Response, jsonify, make_response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from lti.browser_pages import STORED, Doors, launch_page, login_page
from lti.errors import LaunchRefused
from lti.launch import Launch, open_flow, storage_to_ask, verify_launch
from lti.oidc import start_login
from lti.tool import LtiTool

MAX_FORM_BYTES = 128 * 1024
_COOKIE_SECONDS = 3600
_BROWSER_ID = re.compile(r"[A-Za-z0-9_-]{43}")
_FRAMES = frozenset({"iframe", "frame", "embed", "object"})


def browser_cookie_name(tool: LtiTool) -> str:
    """Return the name of the cookie that binds logins to a browser.

    Over https it has the __Host- prefix, so that no neighbouring host can plant one (RFC 6265bis §4.1.3.2).
    """
    return "__Host-lti_browser" if tool.secure else "lti_browser"


def _browser_id(tool: LtiTool) -> str | None:
    value = request.cookies.get(browser_cookie_name(tool), "")
    return value if _BROWSER_ID.fullmatch(value) else None


def _each_once(received: Request) -> dict[str, str]:
    """Return the parameters of a query (GET) or of a form (POST), never of both."""
    values = received.args
    if received.method == "POST":
        received.max_content_length = received.max_form_memory_size = MAX_FORM_BYTES
        if received.mimetype != "application/x-www-form-urlencoded":
            raise LaunchRefused("form_expected")
        values = received.form
    if any(len(values.getlist(name)) > 1 for name in values):
        raise LaunchRefused("parameter_repeated")
    return values.to_dict()


def _may_be_framed(params: Mapping[str, str]) -> bool:
    """Return whether this login may come from a frame: browsers say so (Fetch Metadata), platforms hint at it."""
    destination = request.headers.get("Sec-Fetch-Dest")
    return destination in _FRAMES if destination else "lti_storage_target" in params


def _from_own_page(tool: LtiTool) -> bool:
    # A stored value proves the browser only when our own page read it; another site could post one of its own.
    return request.headers.get("Origin") == tool.public_url.rstrip("/")


def _page(html: str) -> Response:
    response = make_response(html)
    # With "no-referrer" the browser would post the next form with the origin "null".
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def lti_blueprint(
    tool: LtiTool,
    on_launch: Callable[[Launch, Request], Response],
    error_page: Callable[[LaunchRefused], Response],
) -> Blueprint:
    """Return the blueprint to register at the root of an application.

    Args:
        on_launch: is given a verified launch. It MUST start a new session under a new id, never go on with
            the one that the browser brought (session fixation), and answers, usually with a redirect.
            May raise LaunchRefused.
        error_page: renders a refusal for people; its status is set to the refusal's. Clients that ask for
            JSON are answered {"reason", "message"} instead.

    Exempt the blueprint from CSRF tokens: login and launch come from another site, and the one-time state
    bound to the browser is what protects them. The pages in frames need scripts, styles and connections from
    the tool's own origin (CSP 'self'), and a frame-ancestors that admits the platforms.
    """
    doors = Blueprint("lti", __name__, static_folder="static", static_url_path=f"{tool.BASE_PATH}/static")
    paths = Doors(tool.LOGIN_PATH, tool.LAUNCH_PATH, tool.BROWSER_PATH, f"{tool.BASE_PATH}/static")

    @doors.errorhandler(LaunchRefused)
    def refused(refusal: LaunchRefused) -> Response:
        for_machines = jsonify(reason=refusal.reason, message=refusal.message_zh)
        response = for_machines if _wants_json() else error_page(refusal)
        response.status_code = refusal.http_status
        return response

    @doors.errorhandler(HTTPException)
    def odd_request(error: HTTPException) -> Response:
        too_large = isinstance(error, RequestEntityTooLarge)
        return refused(LaunchRefused("request_too_large" if too_large else "parameter_missing"))

    @doors.after_request
    def never_keep(response: Response) -> Response:
        # States, tokens and refusals have no place in a cache or in another site's log.
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response

    @doors.route(tool.LOGIN_PATH, methods=["GET", "POST"])
    def login() -> Response:
        known, params = _browser_id(tool), _each_once(request)
        browser_id = known or tool.secret()
        going = start_login(tool, params, browser_id)
        if known is None and _may_be_framed(params):
            response = _page(login_page(going, params, paths))
        else:
            response = Response(status=302, headers={"Location": going.url})
        # One cookie for each browser, kept over logins, so that two tabs do not undo each other.
        response.set_cookie(
            browser_cookie_name(tool),
            browser_id,
            max_age=_COOKIE_SECONDS,
            path="/",
            httponly=True,
            secure=tool.secure,
            samesite="None" if tool.secure else "Lax",
            partitioned=tool.secure,
        )
        return response

    @doors.route(tool.LAUNCH_PATH, methods=["GET", "POST"])
    def launch() -> Response:
        # Some platforms bring the browser back by GET when the login fails; nothing else may come that way.
        if request.method != "POST" and not request.args.get("error"):
            raise LaunchRefused("method_not_allowed")
        form, browser_id = _each_once(request), _browser_id(tool)
        stored = form.pop(STORED, None)
        if stored is not None and not _from_own_page(tool):
            raise LaunchRefused("browser_mismatch")
        storage = storage_to_ask(tool, form, browser_id) if stored is None else None
        if storage is not None:
            return _page(launch_page(form, storage, paths))
        return on_launch(verify_launch(tool, form, browser_id, stored=stored), request)

    @doors.post(tool.BROWSER_PATH)
    def browser() -> Response:
        """Say whether the cookie that binds a login came back."""
        browser_id = _browser_id(tool)
        flow = open_flow(tool, _each_once(request).get("state"))
        return jsonify(bound=browser_id is not None and flow.is_bound_to(browser_id))

    @doors.get(tool.JWKS_PATH)
    def jwks() -> Response:
        response = jsonify(tool.tool_keys.jwks())
        response.headers["Cache-Control"] = "public, max-age=300"
        return response

    return doors
