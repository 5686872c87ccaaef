"""A request to the xAPI door as the specification means it, the alternate syntax of 1.0.3 unpacked."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Request

from bridge.intake.xapi.model import MAX_STATEMENTS_BYTES, Version
from bridge.kernel.errors import InvalidInput, NotPermitted

_FORM = "application/x-www-form-urlencoded"
_AS_HEADERS = {
    name.lower(): name
    for name in (
        "Authorization",
        "X-Experience-API-Version",
        "Content-Type",
        "Content-Length",
        "If-Match",
        "If-None-Match",
        "Accept-Language",
    )
}
"""Form fields that are headers (1.0.3 Part Three §1.3)."""
_METHODS = frozenset({"GET", "PUT", "POST", "DELETE"})


@dataclass(frozen=True, slots=True)
class XapiRequest:
    """What is asked.

    Args:
        headers: names in small letters.
    """

    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    def credentials(self) -> tuple[str, str]:
        """Return key and secret; NotPermitted("credential_missing") (401) if there are none to be read."""
        scheme, _, given = self.headers.get("authorization", "").partition(" ")
        try:
            key, colon, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            key = colon = secret = ""
        if scheme.lower() != "basic" or not colon:
            raise NotPermitted("credential_missing", "请用 HTTP Basic 给出 key 和 secret", http_status=401)
        return key, secret

    def version(self) -> Version:
        """Return the version that is spoken; InvalidInput: version_missing, version_unsupported."""
        header = self.headers.get("x-experience-api-version")
        if header is None:
            raise InvalidInput("version_missing", "缺少请求头 X-Experience-API-Version(1.0.3 或 2.0.0)")
        version = Version.named(header)
        if version is None:
            raise InvalidInput("version_unsupported", "本桥支持 xAPI 1.0.x 和 2.0.x")
        return version


def read_request(request: Request) -> XapiRequest:
    """Return what `request` asks.

    Raises:
        InvalidInput: parameter_repeated, alternate_malformed.
    """
    request.max_content_length = MAX_STATEMENTS_BYTES
    parameters = _once(list(request.args.items(multi=True)))
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.get_data(cache=False)
    version = Version.named(headers.get("x-experience-api-version", ""))
    if "method" not in parameters or version is Version.TWO:
        return XapiRequest("GET" if request.method == "HEAD" else request.method, parameters, headers, body)
    return _unpacked(request.method, parameters, headers, body)


def _unpacked(
    method: str, parameters: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> XapiRequest:
    meant = parameters["method"].upper()
    if method != "POST" or len(parameters) != 1 or meant not in _METHODS:
        raise _alternate_malformed()
    try:
        fields = _once(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
    except ValueError as error:
        raise _alternate_malformed() from error
    content = fields.pop("content", None)
    if content is None and meant in ("PUT", "POST"):
        raise _alternate_malformed()
    own = {name.lower(): value for name, value in fields.items() if name.lower() in _AS_HEADERS}
    rest = {name: value for name, value in fields.items() if name.lower() not in _AS_HEADERS}
    kept = {name: value for name, value in headers.items() if name not in ("content-type", "content-length")}
    return XapiRequest(
        meant, rest, {"content-type": "application/json", **kept, **own}, (content or "").encode()
    )


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput("parameter_repeated", "同一参数只能出现一次")
    return found


def _alternate_malformed() -> InvalidInput:
    return InvalidInput(
        "alternate_malformed", "替代请求语法有误:须以 POST 提交表单,仅带参数 method,内容放在 content"
    )
