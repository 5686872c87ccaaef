"""The door for Canvas Live Events: signed by Instructure, or brought by somebody with the institution's credential."""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response

from bridge.intake import canvas
from bridge.intake.caliper import Envelope, read_envelope
from bridge.intake.canvas_sources import CanvasSource
from bridge.intake.learning_inbox import CANVAS
from bridge.intake.xapi.decoding import decoded
from bridge.intake.xapi.model import Scope
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.web.caliper_door import take_envelope
from bridge.web.learning_visit import answered, bearer_caller, bounded_body, refuse_as_json, verdict
from bridge.wiring import House
from bridge.wiring.learning import blind_iris, canvas_sources, learning_inbox
from lti.errors import LaunchRefused
from lti.http import GuardedHttp
from lti.jose import verify_signed
from lti.keys import KeySource
from lti.registration import Registration

PREFIX = "/canvas/v1"
_SIGNED = "JWS RS256 by Instructure's key, account named in the event"
_SENTENCES = {
    "alg_not_allowed": "签名算法不是 RS256",
    "key_unusable": "签名所用的公钥不能用于验证",
    "kid_missing": "签名没有说明所用的公钥(kid)",
    "kid_unknown": "Canvas 公布的公钥中没有签名所用的一个",
    "platform_keys_unavailable": "暂时无法取得 Canvas 的公钥,请稍后重发",
    "signature_invalid": "签名不符",
    "token_malformed": "签名内容的格式不正确",
    "token_too_large": "请求内容过大",
}
_UNPROVED = 401


def canvas_door(house: House) -> Blueprint:
    """Return the blueprint of `POST /canvas/v1/<source>`."""
    door = Blueprint("canvas", __name__, url_prefix=PREFIX)
    keys = KeySource(GuardedHttp(), house.clock)

    @door.post("/<source_id>")
    def receive(source_id: str) -> Response:
        known = source_id.isascii() and source_id.isprintable() and len(source_id) <= 40
        source = canvas_sources(house).get(source_id) if known else None
        if source is None:
            raise NotPermitted("canvas_source_unknown", "没有这个来源", http_status=_UNPROVED)
        body = bounded_body(canvas.MAX_EVENT_BYTES)
        signed = body.strip()
        if signed[:1] in (b"{", b"["):
            caller = bearer_caller(house, Scope.CANVAS)
            if (caller.institution, caller.source) != (source.institution, source.source):
                raise NotPermitted("credential_wrong", "这个凭证不属于该来源", http_status=_UNPROVED)
            value, verification = decoded(body), f"Bearer, credential {caller.credential}"
        else:
            value, verification = _signed(house, keys, source, signed), _SIGNED
        return answered(_taken(house, source, value, sha256_hex(body), verification))

    refuse_as_json(door)
    return door


def _signed(house: House, keys: KeySource, source: CanvasSource, token: bytes) -> dict[str, Any]:
    """Return what Instructure signed.

    Raises:
        NotPermitted: as `verify_signed`, 401, or 503 while the keys cannot be had.
        InvalidInput: as `check_claims_in_time`.
    """
    # The keys are the same for all accounts, so all sources share what was fetched.
    signer = Registration(
        id="canvas-live-events",
        tenant="",
        issuer=source.jwks_url,
        client_id="canvas-live-events",
        auth_login_url=source.jwks_url,
        auth_token_url=source.jwks_url,
        jwks_url=source.jwks_url,
        demo=house.settings.demonstration,
        algorithm="RS256",
    )
    try:
        text = token.decode("ascii")
        document = verify_signed(text, signer, keys, max_bytes=canvas.MAX_EVENT_BYTES)
    except UnicodeDecodeError as error:
        raise NotPermitted("token_malformed", _SENTENCES["token_malformed"], http_status=_UNPROVED) from error
    except LaunchRefused as refused:
        away = refused.reason == "platform_keys_unavailable"
        sentence = _SENTENCES.get(refused.reason, "签名不被接受")
        raise NotPermitted(refused.reason, sentence, http_status=503 if away else _UNPROVED) from refused
    canvas.check_claims_in_time(document.payload, house.clock.now())
    return document.payload


def _taken(
    house: House, source: CanvasSource, value: Any, original_sha256: str, verification: str
) -> list[dict[str, Any]]:
    if canvas.is_canvas_format(value):
        _require_own(source, canvas.root_account_of(value), source.root_account_uuid)
        return [_taken_one(house, source, value, original_sha256, verification)]
    envelope = read_envelope(value, house.clock.now())
    _require_own_envelope(source, envelope)
    return take_envelope(
        house,
        envelope,
        institution=source.institution,
        kind=CANVAS,
        source=source.source,
        original_sha256=original_sha256,
        verification=verification,
        check=lambda event: canvas.check_recent(event, house.clock.now()),
    )


def _taken_one(
    house: House, source: CanvasSource, value: Mapping[str, Any], original_sha256: str, verification: str
) -> dict[str, Any]:
    now = house.clock.now()
    try:
        event = canvas.read_event(value, blind_iris(house, source.institution), now)
        canvas.check_recent(event, now)
    except InvalidInput as refused:
        return verdict(None, "refused", refused)
    with house.uow.for_institution(source.institution) as tx:
        (new,) = learning_inbox(house, tx).receive(
            CANVAS,
            source.source,
            [event],
            original_sha256=original_sha256,
            verification=verification,
        )
    return verdict(event.key, "accepted" if new else "duplicate")


def _require_own_envelope(source: CanvasSource, envelope: Envelope) -> None:
    host = urlsplit(envelope.sensor).hostname if envelope.sensor.startswith("http") else None
    _require_own(source, host, source.hostname)
    for event in envelope.data:
        account = canvas.root_account_of_caliper(event)
        if account is not None:
            _require_own(source, account, source.root_account_uuid)


def _require_own(source: CanvasSource, named: str | None, own: str) -> None:
    """Refuse what another Canvas account sent; all of them sign with the same keys."""
    if named is None or not hmac.compare_digest(named.encode("utf-8", "replace"), own.encode()):
        raise NotPermitted("account_foreign", f"事件不属于来源 {source.source} 登记的 Canvas 账户")
