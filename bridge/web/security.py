"""What every answer carries and every form must bring: headers, CSRF, cookies, limits, roles, assets."""

import functools
import gzip
import re
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, ParamSpec, Protocol
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import Unavailable
from bridge.settings import Settings
from bridge.web.errors import error_response, wants_json

P = ParamSpec("P")
View = Callable[P, str | AnyResponse]

MAX_BODY_BYTES = 1024 * 1024
MAX_SCAN_BYTES = 10 * 1024 * 1024
"""A photographed attendance sheet; it is hashed and not kept."""
MAX_ENROLMENT_BYTES = 66 * 1024 * 1024
"""An enrolment list with its photographs, held in memory."""
MAX_UPLOAD_BYTES = 200 * 1024 * 1024
"""Course material; larger files come in by the operator's command."""

_LIMITER = "anxue.limiter"
_SECOND_FACTOR = "ANXUE_SECOND_FACTOR_ROLES"
_FRAMED_ONCE = "anxue_framed_once"
_POSTS_ONCE = "anxue_posts_once"
DOORS_WITHOUT_FORMS = (
    "lti",
    "agent",
    "webhooks",
    "notices",
    "xapi",
    "cmi5",
    "caliper",
    "canvas",
    "api",
    "api_tokens",
)
"""Blueprints that prove their caller otherwise: signed tokens, bearer secrets, signed bodies."""
_ASSETS = {
    "htmx.min.js": ("web", "text/javascript"),
    "echarts.min.js": ("web", "text/javascript"),
    "NotoSansSC_400Regular.ttf": ("fonts", "font/ttf"),
    "NotoSansSC_700Bold.ttf": ("fonts", "font/ttf"),
}
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_YEAR = 365 * 24 * 3600


class Edge(Protocol):
    """What of the house the edge needs."""

    @property
    def settings(self) -> Settings: ...

    def platform_origins(self) -> Iterable[str]:
        """Return the origins of registered LMS platforms: they may hold our pages in a frame."""
        ...


def secure(app: Flask, house: Edge) -> None:
    """Give `app` its headers, CSRF protection, cookie attributes, rate limiter and `/assets`."""
    settings = house.settings
    https = settings.public_url.startswith("https://")
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=https,
        # An LMS holds our pages in a frame of another site: only None travels there, and None needs Secure.
        SESSION_COOKIE_SAMESITE="None" if https else "Lax",
        SESSION_COOKIE_PARTITIONED=https,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=True,
        **{_SECOND_FACTOR: settings.second_factor_roles},
    )
    CSRFProtect(app)
    app.extensions[_LIMITER] = Limiter(
        get_remote_address, app=app, storage_uri="memory://", strategy="moving-window"
    )
    app.register_blueprint(_assets(settings))
    # Before the form is parsed, and CSRF parses it.
    app.url_value_preprocessor(_allow_scans)
    app.after_request(_Headers(house, https))
    app.register_error_handler(CSRFError, _csrf_refused)
    app.register_error_handler(RateLimitExceeded, _too_many)


def require_role(*roles: str, factor: bool = True) -> Callable[[View[P]], View[P]]:
    """Let only these roles in; strangers are sent to where they can become one.

    A learner has no password here, so a learner's page says how to come in instead.

    Args:
        factor: turn away who must have proved a second factor and has not; False where one sets it up.
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> str | AnyResponse:
            role = session.get("role")
            if role in roles:
                if factor and role in current_app.config[_SECOND_FACTOR] and not session.get("factor"):
                    return _to_second_factor()
                return view(*args, **kwargs)
            return _turned_away("learner" in roles)

        return guarded

    return decorate


def rate_limited(
    limit: str, *, methods: Iterable[str] = ("POST",), key: Callable[[], str] | None = None
) -> Callable[[View[P]], View[P]]:
    """Answer 429 beyond `limit` (e.g. "10 per minute") of one caller: an address, or what `key` returns.

    Args:
        methods: those that are counted; a HEAD does what a GET does and is counted with it.
    """
    counted = frozenset(methods)
    counted |= {"HEAD"} if "GET" in counted else set()

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def limited(*args: P.args, **kwargs: P.kwargs) -> str | AnyResponse:
            if request.method not in counted:
                return view(*args, **kwargs)
            limiter: Limiter = current_app.extensions[_LIMITER]
            with limiter.limit(limit, key_func=key, scope=request.endpoint):
                return view(*args, **kwargs)

        limited.counted = counted  # type: ignore[attr-defined]  # read back by `require_counted`
        return limited

    return decorate


def require_counted(app: Flask) -> None:
    """Return if every limit counts a method of its route; RuntimeError names a route whose limit never would."""
    for rule in app.url_map.iter_rules():
        counted = getattr(app.view_functions[rule.endpoint], "counted", None)
        if counted is not None and not counted & (rule.methods or set()):
            raise RuntimeError(f"the limit of {rule.endpoint} counts no method of its route")


def own_path(target: str | None) -> str | None:
    """Return `target` if it is a path on this site, else None: a sign-in leads nowhere else."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc or "\\" in target else target


def _to_second_factor() -> AnyResponse:
    where = url_for("account.show", _anchor="factors")
    if request.headers.get("HX-Request"):
        moved = make_response("", 204)
        moved.headers["HX-Redirect"] = where
        return moved
    if wants_json():
        return error_response("second_factor_required", "请先设置两步验证,再使用这个页面。", 403)
    return redirect(where, code=303)


def _turned_away(learners_page: bool) -> AnyResponse:
    if request.headers.get("HX-Request"):
        # A fragment must not receive a whole page; htmx follows this header instead.
        moved = make_response("", 204)
        moved.headers["HX-Redirect"] = url_for("learner.home" if learners_page else "staff.sign_in")
        return moved
    if learners_page:
        return error_response("launch_required", "请从培训平台的课程页面重新进入安学桥。", 403)
    if session.get("role") in (None, "visitor"):
        return redirect(url_for("staff.sign_in", next=request.full_path.rstrip("?")), code=303)
    return error_response("role_missing", "您的账号没有查看这个页面的权限，请换用有权限的账号登录。", 403)


def headers_of_all(*, https: bool) -> dict[str, str]:
    """Return the headers that each answer carries, whatever it is."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    }
    if https:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return headers


class _Headers:
    """Adds the headers to each response; the list of platform origins is read every ten seconds."""

    _KEPT_SECONDS = 10

    def __init__(self, house: Edge, https: bool) -> None:
        self._house = house
        self._https = https
        self._ancestors = ""
        self._read_at = float("-inf")

    def __call__(self, response: Response) -> Response:
        headers = response.headers
        for name, value in headers_of_all(https=self._https).items():
            headers.setdefault(name, value)
        if response.mimetype == "text/html":
            headers.setdefault("Content-Security-Policy", self._policy())
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        return response

    def _policy(self) -> str:
        directives = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self'",
            "font-src": "'self'",
            "connect-src": "'self'",
            "media-src": "'self'",
            "form-action": g.get(_POSTS_ONCE, "'self'"),
            "base-uri": "'none'",
            "frame-ancestors": f"'self'{self._framed_by()}{g.get(_FRAMED_ONCE, '')}",
        }
        return "; ".join(f"{name} {value}" for name, value in directives.items())

    def _framed_by(self) -> str:
        now = time.monotonic()
        if now - self._read_at > self._KEPT_SECONDS:
            origins = sorted({o for o in self._house.platform_origins() if _is_origin(o)})
            self._ancestors = "".join(f" {origin}" for origin in origins)
            self._read_at = now
        return self._ancestors


def _is_origin(text: str) -> bool:
    # Strict, since the policy is a list: a ";" or a space in a host would begin a directive of its own.
    return _ORIGIN.fullmatch(text) is not None


def _csrf_refused(_error: CSRFError) -> Response:
    return error_response("csrf_failed", "页面已过期，请返回上一页刷新后重新提交。", 400)


def _too_many(_error: RateLimitExceeded) -> Response:
    return error_response("too_many_requests", "操作过于频繁，请稍等一两分钟再试。", 429)


def _allow_scans(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    view = current_app.view_functions.get(endpoint or "")
    if getattr(view, "takes_scan", False) or getattr(view, "takes_list", False):
        # A file of more than half a megabyte would otherwise lie on the disk, in clear, for as long as it is read.
        setattr(request, "_get_file_stream", _in_memory)  # noqa: B010  # werkzeug's own place to say so
    if getattr(view, "takes_scan", False):
        request.max_content_length = MAX_SCAN_BYTES
    # Only for who may upload: a stranger's body is refused before a byte of it is written to disk.
    if getattr(view, "takes_upload", False) and session.get("role") == "institution":
        request.max_content_length = MAX_UPLOAD_BYTES
    if getattr(view, "takes_list", False) and session.get("role") == "institution":
        request.max_content_length = MAX_ENROLMENT_BYTES


def _in_memory(*_args: Any, **_kwargs: Any) -> BytesIO:
    return BytesIO()


def let_frame(origin: str) -> None:
    """Let pages of `origin` hold this one answer in a frame: those of an LMS that is only just being registered."""
    setattr(g, _FRAMED_ONCE, f" {origin}" if _is_origin(origin) else "")


def let_post_to(origin: str) -> None:
    """Let the forms of this one answer go to `origin` alone: the platform that waits for what was signed for it.

    Raises:
        ValueError: `origin` is none; the policy would be another one than was meant.
    """
    if not _is_origin(origin):
        raise ValueError("not an origin")
    setattr(g, _POSTS_ONCE, origin)


def takes_scan(view: View[P]) -> View[P]:
    """Let this view's form carry a scan of up to `MAX_SCAN_BYTES`, none of it ever on disk."""
    view.takes_scan = True  # type: ignore[attr-defined]  # read back by `_allow_scans`
    return view


def takes_upload(view: View[P]) -> View[P]:
    """Let this view's form, sent by an institution's staff, carry a file of up to `MAX_UPLOAD_BYTES`."""
    view.takes_upload = True  # type: ignore[attr-defined]  # read back by `_allow_scans`
    return view


def takes_list(view: View[P]) -> View[P]:
    """Let this view's form, sent by an institution's staff, carry `MAX_ENROLMENT_BYTES`, none of it ever on disk."""
    view.takes_list = True  # type: ignore[attr-defined]  # read back by `_allow_scans`
    return view


def _assets(settings: Settings) -> Blueprint:
    """Return the blueprint of `/assets/<name>`: the pinned front-end files, by known name only."""
    assets = Blueprint("assets", __name__)

    @functools.cache
    def content(name: str, packed: bool) -> bytes:
        try:
            found = (settings.assets / _ASSETS[name][0] / name).read_bytes()
        except OSError as error:
            raise Unavailable(
                "assets_missing", "页面所需的文件没有安装，请管理员重新运行 ./anxue。", permanent=True
            ) from error
        return gzip.compress(found, 6) if packed else found

    @functools.cache
    def version(name: str) -> str:
        return sha256_hex(content(name, False))[:12]

    @assets.app_template_global()
    def asset(name: str) -> str:
        """Return the address of an asset; it changes with the content, so it may be kept for ever."""
        return url_for("assets.send", name=name, v=version(name))

    @assets.get("/assets/<name>")
    def send(name: str) -> AnyResponse:
        if name not in _ASSETS:
            abort(404)
        packed = name.endswith(".js") and bool(request.accept_encodings["gzip"])
        response = make_response(content(name, packed))
        response.mimetype = _ASSETS[name][1]
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        fresh = request.args.get("v") == version(name)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR if fresh else 3600}" + (
            ", immutable" if fresh else ""
        )
        return response

    @assets.app_template_global()
    def needs_fonts() -> bool:
        """Return whether the reader's system may lack Chinese fonts: desktop Linux. Ours are 10 MB each."""
        agent = request.user_agent.string
        return "Linux" in agent and "Android" not in agent and "OpenHarmony" not in agent

    return assets
