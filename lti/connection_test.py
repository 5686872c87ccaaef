"""Try a registered platform step by step and say in words what is wrong, for the page and the command line.

Nothing is changed at the platform: keys are read, a token is asked for, one page of line items and of the
roster is read.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from lti.ags import LINE_ITEM_TYPE, LINE_ITEMS_TYPE, SCORE_SCOPE, reading_scopes
from lti.clock import Clock, epoch_seconds
from lti.errors import ServiceFailed
from lti.http import Reply
from lti.keys import SignsForTool, read_jwks
from lti.nrps import MEMBERSHIP_SCOPE, MEMBERSHIP_TYPE
from lti.registration import Registration, origin_of
from lti.services import (
    CallsPlatforms,
    ServiceCall,
    ServiceTokens,
    ask_for_token,
    read_token,
    token_error,
    with_query,
)

LEEWAY_SECONDS = 60  # what launches forgive
_WORTH_A_WORD_SECONDS = 5
_MOODLE_TOKEN_PATH = "/mod/lti/token.php"  # noqa: S105  # a path

# reason → what the administrator reads; {} is filled with numbers and addresses of our own alone.
FINDINGS = {
    "jwks_ok": "已取得学习平台的公钥，可用 {keys} 把。",
    "jwks_empty": "学习平台公布的公钥为空，所有登录都会失败。请在学习平台检查或重新生成 LTI 密钥。",
    "jwks_unusable": "学习平台公布的公钥都不可用（{why}）。请在学习平台更换签名密钥，或核对登记的签名算法。",
    "clock_ok": "学习平台与本系统的时钟一致。",
    "clock_off": "学习平台的时钟比本系统{way}约 {seconds} 秒。请为两边的服务器开启时间同步，超过 60 秒后将无法登录。",
    "clock_wrong": "学习平台的时钟比本系统{way}约 {seconds} 秒，登录会失败。请为两边的服务器开启时间同步。",
    "clock_unknown": "学习平台没有报告时间，无法比较时钟。请确认两边的服务器都已开启时间同步。",
    "token_ok": "学习平台已发放服务令牌。",
    "moodle_cannot_fetch_keys": "Moodle 取不到本系统的公钥，因此没有发放服务令牌（它答复的是 404 网页，"
    "与登记的地址无关）。请在 Moodle 的“网站管理 ▸ 安全 ▸ HTTP 安全”中核对两项设置："
    "“cURL 屏蔽的主机列表”（curlsecurityblockedhosts）不能包含本系统的主机 {host} 及其网段，"
    "“cURL 允许的端口列表”（curlsecurityallowedport）必须包含端口 {port}。"
    "两项都没有问题的，请确认 Moodle 服务器能够打开 {keys_url}。",
    "token_url_wrong": "登记的令牌地址上没有令牌服务，学习平台答复 404。请核对令牌地址。",
    "client_refused": "学习平台不认可本系统的身份。请核对客户端编号，并在学习平台的工具设置中"
    "将公钥类型设为“密钥集网址”，地址填写 {keys_url}。",
    "ags_ok": "成绩服务可用。",
    "ags_untried": "还没有人从学习平台进入过，成绩服务的地址未知，未测试。请进入一次后再测。",
    "nrps_ok": "成员名单服务可用。",
    "nrps_untried": "还没有人从学习平台进入过，成员名单服务的地址未知，未测试。请进入一次后再测。",
    "privacy_ok": "最近一次登录没有带来联系方式。",
    "email_seen": "学习平台在登录时发来了邮箱，本系统已丢弃。请在学习平台的工具设置中将“共享邮箱”设为“从不”。",
    "contact_seen": "学习平台在登录时发来了电话、地址或头像等联系方式，本系统已丢弃。请在学习平台的工具设置中关闭。",
}
_WHY_ZH = {
    "too_short": "短于 2048 位",
    "kid_twice": "密钥编号重复",
    "not_for_signatures": "不是签名密钥",
    "other_algorithm": "签名算法与登记的不一致",
    "other_key_type": "密钥类型与登记的算法不符",
    "other_curve": "曲线不是 P-256",
    "malformed": "格式不正确",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found.

    Args:
        step: jwks, clock, token, ags, nrps or privacy.
        warning: not as it should be, but launches work.
    """

    step: str
    ok: bool
    reason: str
    message_zh: str
    warning: bool = False


def _found(step: str, reason: str, *, ok: bool = False, warning: bool = False, **values: object) -> Finding:
    return Finding(step, ok, reason, FINDINGS[reason].format(**values), warning)


def _failed(step: str, failed: ServiceFailed) -> Finding:
    said = "" if failed.status is None else f"（学习平台答复 HTTP {failed.status}）"
    return Finding(step, False, failed.reason, failed.message_zh + said)


def probe(
    registration: Registration,
    *,
    http: CallsPlatforms,
    tool_keys: SignsForTool,
    clock: Clock,
    tool_jwks_url: str,
    line_items_url: str | None = None,
    line_item_url: str | None = None,
    memberships_url: str | None = None,
    granted: Collection[str] = (),
    contact_claims: Iterable[str] | None = None,
) -> tuple[Finding, ...]:
    """Return what each step found, in the order jwks, clock, token, ags, nrps, privacy. Never raises for a platform.

    Args:
        tool_jwks_url: where the platform is to fetch the tool's keys; named in the advice.
        line_items_url, line_item_url, memberships_url: of a launch; None: none has been seen.
        granted: the scopes that the launch named for grades (`AgsEndpoint.scopes`).
        contact_claims: `LaunchClaims.contact_removed` of the last launch; None leaves the step out.
    """
    probing = _Probe(registration, http, tool_keys, clock, tool_jwks_url)
    findings = [probing.jwks(), probing.token()]
    findings.insert(1, probing.clock())
    reading = reading_scopes(granted)
    if line_items_url is not None:
        url, kind = with_query(line_items_url, {"limit": 1}), LINE_ITEMS_TYPE
        findings.append(probing.service("ags", url, reading, kind, "line_item_refused"))
    else:
        findings.append(probing.service("ags", line_item_url, reading, LINE_ITEM_TYPE, "line_item_refused"))
    roster = memberships_url and with_query(memberships_url, {"limit": 1})
    members = frozenset({MEMBERSHIP_SCOPE})
    findings.append(probing.service("nrps", roster, members, MEMBERSHIP_TYPE, "roster_refused"))
    if contact_claims is not None:
        findings.append(_privacy(tuple(contact_claims)))
    return tuple(findings)


class _Probe:
    """One run; remembers by how much the platform's clock was seen to differ."""

    def __init__(
        self,
        registration: Registration,
        http: CallsPlatforms,
        tool_keys: SignsForTool,
        clock: Clock,
        tool_jwks_url: str,
    ) -> None:
        self._registration, self._http, self._keys = registration, http, tool_keys
        self._clock, self._tool_jwks_url = clock, tool_jwks_url
        self._call = ServiceCall(http, ServiceTokens(http, tool_keys, clock), clock)
        self._ahead: timedelta | None = None

    def jwks(self) -> Finding:
        registration = self._registration
        try:
            reply = self._timed(
                lambda: self._http.request(
                    "GET", registration.jwks_url, registration.network, headers={"Accept": "application/json"}
                )
            )
            document = self._call.accepted(reply, "request_refused").json()
            keys = read_jwks(document, registration.algorithm)
        except ServiceFailed as failed:
            return _failed("jwks", failed)
        if keys.usable:
            return _found("jwks", "jwks_ok", ok=True, keys=len(keys.usable))
        if not keys.unusable:
            return _found("jwks", "jwks_empty")
        why = "、".join(_WHY_ZH[reason] for reason in sorted(set(keys.unusable.values())))
        return _found("jwks", "jwks_unusable", why=why)

    def clock(self) -> Finding:
        if self._ahead is None:
            return _found("clock", "clock_unknown", warning=True)
        seconds = abs(self._ahead) // timedelta(seconds=1)
        if seconds < _WORTH_A_WORD_SECONDS:
            return _found("clock", "clock_ok", ok=True)
        way = "快" if self._ahead > timedelta() else "慢"
        if seconds <= LEEWAY_SECONDS:
            return _found("clock", "clock_off", warning=True, way=way, seconds=seconds)
        return _found("clock", "clock_wrong", way=way, seconds=seconds)

    def token(self) -> Finding:
        finding = self._token_for(SCORE_SCOPE)
        # A platform may grant the roster alone: then the token service works all the same.
        return self._token_for(MEMBERSHIP_SCOPE) if finding.reason == "scope_missing" else finding

    def _token_for(self, scope: str) -> Finding:
        scopes = frozenset({scope})
        now = epoch_seconds(self._clock)
        try:
            reply = self._timed(
                lambda: ask_for_token(self._http, self._keys, self._registration, scopes, now)
            )
            unusual = self._token_trouble(reply)
            if unusual is not None:
                return unusual
            read_token(reply, scopes, now)
        except ServiceFailed as failed:
            return _failed("token", failed)
        return _found("token", "token_ok", ok=True)

    def _token_trouble(self, reply: Reply) -> Finding | None:
        keys_url = self._tool_jwks_url
        if reply.status == 404:
            if _is_moodle_without_keys(reply, self._registration.auth_token_url):
                _, host, port = origin_of(keys_url)
                return _found("token", "moodle_cannot_fetch_keys", host=host, port=port, keys_url=keys_url)
            return _found("token", "token_url_wrong")
        if 400 <= reply.status < 500 and token_error(reply) in ("invalid_client", "unauthorized_client"):
            return _found("token", "client_refused", keys_url=keys_url)
        return None

    def service(
        self, step: str, url: str | None, scopes: frozenset[str], media_type: str, refused: str
    ) -> Finding:
        if url is None:
            return _found(step, f"{step}_untried", warning=True)
        try:
            reply = self._call.send(self._registration, "GET", url, scopes, accept=media_type)
            self._call.accepted(reply, refused).json()
        except ServiceFailed as failed:
            return _failed(step, failed)
        return _found(step, f"{step}_ok", ok=True)

    def _timed(self, ask: Callable[[], Reply]) -> Reply:
        before = self._clock.now()
        reply = ask()
        ahead = clock_ahead(reply, before, self._clock.now())
        self._ahead = self._ahead if ahead is None else ahead
        return reply


def clock_ahead(reply: Reply, before: datetime, after: datetime) -> timedelta | None:
    """Return by how much the clock of who sent `reply` is ahead at least (negative: behind); None: it did not say.

    Args:
        before, after: between which the exchange took place; aware.

    Source: RFC 9110 §6.6.1 (`Date` is in whole seconds, cut off).
    """
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
    except (TypeError, ValueError):
        return None
    date = date.replace(tzinfo=date.tzinfo or UTC)
    earliest = before - timedelta(seconds=1)
    return date - after if date > after else date - earliest if date < earliest else timedelta()


def _is_moodle_without_keys(reply: Reply, token_url: str) -> bool:
    """Return whether this 404 is Moodle's way to say that it could not fetch the tool's keys.

    With the tool's host or port refused by its cURL security, Moodle reads no key set, breaks off in
    fix_jwks_alg() and shows its error page; a wrong address below Moodle does not reach that page.
    """
    body = reply.body.lower()
    if b"fix_jwks_alg" in body:
        return True
    ours = token_url.split("?", 1)[0].endswith(_MOODLE_TOKEN_PATH)
    return ours and body.lstrip().startswith((b"<!doctype html", b"<html")) and b"moodle" in body


def _privacy(paths: tuple[str, ...]) -> Finding:
    if not paths:
        return _found("privacy", "privacy_ok", ok=True)
    seen = "email_seen" if any("mail" in path.lower() for path in paths) else "contact_seen"
    return _found("privacy", seen, warning=True)
