"""What somebody typed of a platform, checked field by field: the same checks for the page and the command line."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from bridge.registry.lti_model import FieldsInvalid, NewPlatform, PlatformAddresses
from lti.registration import KEY_TYPES, may_be_called, origin_of, split_url

_MAX_URL = 1000
_MAX_TEXT = 255
_MAX_NAME = 120
_MAX_LISTED = 20
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.?)+|\[?[0-9A-Fa-f:]{2,45}\]?")
_SEPARATORS = re.compile(r"[\s,;，；、]+")
_MOODLE = {
    "auth_login_url": "/mod/lti/auth.php",
    "auth_token_url": "/mod/lti/token.php",
    "jwks_url": "/mod/lti/certs.php",
}
"""Where every Moodle answers, below its own address."""
_ADDRESS_FIELDS = ("auth_login_url", "auth_token_url", "jwks_url")


def read_new_platform(typed: Mapping[str, str], *, demo_allowed: bool) -> NewPlatform:
    """Return the platform that the fields describe.

    Args:
        typed: name, issuer, client_id, auth_login_url, auth_token_url, jwks_url, algorithm, deployment_id,
            allowed_origin, token_audience, service_origins, private_hosts (the last two and deployment_id may
            list several); anonymous_allowed, demo, moodle count as ticked when not empty.
        demo_allowed: whether http on loopback may be registered (in the demonstration alone).

    Raises:
        FieldsInvalid: all the fields that cannot stand.
    """
    read = _Reader(typed)
    demo = read.ticked("demo")
    if demo and not demo_allowed:
        read.wrong["demo"] = "只有演示模式可以登记本机 http 平台。"
    addresses = _addresses(read, demo=demo and demo_allowed)
    algorithm = read.text("algorithm", required=False) or "RS256"
    if algorithm not in KEY_TYPES:
        read.wrong["algorithm"] = f"应为 {'、'.join(KEY_TYPES)} 之一。"
    deployments = read.several("deployment_id", _is_text, "部署编号不能超过 255 个字符,也不能含空格。")
    hosts = read.several("private_hosts", _is_host, "应为主机名或 IP 地址,不带 http:// 和路径。")
    name = read.text("name", required=False, longest=_MAX_NAME)
    read.raise_if_wrong()
    return NewPlatform(
        name=name or (urlsplit(addresses.issuer).hostname or addresses.issuer)[:_MAX_NAME],
        addresses=addresses,
        algorithm=algorithm,
        deployment_ids=deployments,
        private_hosts=frozenset(host.lower() for host in hosts),
        anonymous_allowed=read.ticked("anonymous_allowed"),
        demo=demo,
    )


def read_addresses(typed: Mapping[str, str], *, demo: bool) -> PlatformAddresses:
    """Return the addresses that the fields describe, as `read_new_platform` takes them; FieldsInvalid otherwise.

    Args:
        demo: whether http on loopback is allowed.
    """
    read = _Reader(typed)
    addresses = _addresses(read, demo=demo)
    read.raise_if_wrong()
    return addresses


def read_private_hosts(typed: str) -> frozenset[str]:
    """Return the host names that `typed` lists; FieldsInvalid otherwise."""
    read = _Reader({"private_hosts": typed})
    hosts = read.several("private_hosts", _is_host, "应为主机名或 IP 地址,不带 http:// 和路径。")
    read.raise_if_wrong()
    return frozenset(host.lower() for host in hosts)


def page_origin(url: str) -> str:
    """Return the origin of `url` as browsers write it in an Origin header: no default port, no path.

    Raises:
        ValueError: no http(s) URL, or its host is none that may stand in a header of ours (a Content-Security-Policy
            is a list that ";" ends).
    """
    scheme, host, port = origin_of(url)
    if not _HOST.fullmatch(host):
        raise ValueError("not a host name in ASCII, nor an address")
    written = f"[{host}]" if ":" in host else host
    return f"{scheme}://{written}" + ("" if port == {"https": 443, "http": 80}[scheme] else f":{port}")


class _Reader:
    """Reads fields and collects what is wrong with them."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self._typed = typed
        self.wrong: dict[str, str] = {}

    def ticked(self, name: str) -> bool:
        return bool(self._typed.get(name, "").strip())

    def text(self, name: str, *, required: bool = True, longest: int = _MAX_TEXT) -> str:
        value = self._typed.get(name, "").strip()
        if required and not value:
            self.wrong[name] = "请填写。"
        elif len(value) > longest:
            self.wrong[name] = f"不能超过 {longest} 个字符。"
        elif not value.isprintable():
            self.wrong[name] = "含有无法识别的字符,请重新输入。"
        return "" if name in self.wrong else value

    def url(self, name: str, *, demo: bool, required: bool = True) -> str:
        value = self.text(name, required=required, longest=_MAX_URL)
        if not value:
            return ""
        if not may_be_called(value, demo=demo):
            self.wrong[name] = (
                "应为完整的 https 地址。" if not demo else "应为 https 地址,或本机的 http 地址。"
            )
            return ""
        try:
            page_origin(value)
        except ValueError:
            self.wrong[name] = "主机名应为英文域名(中文域名请用 xn-- 形式)或 IP 地址。"
            return ""
        return value

    def several(self, name: str, good: Callable[[str], bool], sentence: str) -> frozenset[str]:
        values = frozenset(filter(None, _SEPARATORS.split(self._typed.get(name, ""))))
        if len(values) > _MAX_LISTED:
            self.wrong[name] = f"最多 {_MAX_LISTED} 个。"
        elif not all(map(good, values)):
            self.wrong[name] = sentence
        return frozenset() if name in self.wrong else values

    def raise_if_wrong(self) -> None:
        if self.wrong:
            raise FieldsInvalid(self.wrong)


def _addresses(read: _Reader, *, demo: bool) -> PlatformAddresses:
    issuer = read.url("issuer", demo=demo)
    if issuer and ("?" in issuer or len(issuer) > _MAX_TEXT):
        # OpenID Connect Core §2: an issuer has neither query nor fragment.
        read.wrong["issuer"] = "平台标识不能带问号后的参数,也不能超过 255 个字符。"
    client_id = read.text("client_id")
    if client_id and not _is_text(client_id):
        read.wrong["client_id"] = "客户端编号不含空格,请整段复制。"
    moodle = read.ticked("moodle")
    urls = {name: read.url(name, demo=demo, required=not moodle) for name in _ADDRESS_FIELDS}
    if moodle and issuer:
        urls = {name: urls[name] or issuer.rstrip("/") + _MOODLE[name] for name in _ADDRESS_FIELDS}
    origin = read.url("allowed_origin", demo=demo, required=False) or urls["auth_login_url"]
    audience = read.text("token_audience", required=False, longest=_MAX_URL) or None
    services = read.several(
        "service_origins", lambda url: _is_origin(url, demo), "应为 https 网址,不带路径。"
    )
    return PlatformAddresses(
        issuer=issuer,
        client_id=client_id,
        allowed_origin=page_origin(origin) if origin else "",
        token_audience=audience,
        service_origins=frozenset(map(page_origin, services)),
        **urls,
    )


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _MAX_TEXT and value.isprintable() and " " not in value


def _is_host(value: str) -> bool:
    return _HOST.fullmatch(value) is not None


def _is_origin(value: str, demo: bool) -> bool:
    try:
        page_origin(value)
        parts = split_url(value)
    except ValueError:
        return False
    return may_be_called(value, demo=demo) and parts.path in ("", "/") and not parts.query
