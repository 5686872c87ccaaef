"""Launch: the platform's signed answer to a login, believed only when everything in it fits that login."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lti.claims import RESOURCE_LINK_REQUEST, LaunchClaims, parse_claims
from lti.clock import epoch_seconds
from lti.errors import DeploymentUnknown, LaunchRefused
from lti.jose import verify_signed
from lti.registration import Registration
from lti.state import LoginFlow, sha256_hex
from lti.times import check_times
from lti.tool import LtiTool

# Messages that a launch may carry. Deep linking, proctoring and review join this set with their own readers.
SUPPORTED_MESSAGES = frozenset({RESOURCE_LINK_REQUEST})

_LOGIN_ERRORS = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that was verified in full.

    Args:
        return_url: where the learner may be sent back; None unless it lies on the platform's own origins.
        id_token_sha256: hexadecimal; of the token as it arrived.
        verified_at: UTC.
    """

    registration: Registration
    claims: LaunchClaims
    message_type: str
    return_url: str | None
    id_token_sha256: str
    verified_at: datetime


def _same(secret: str, sha256: str) -> bool:
    return hmac.compare_digest(sha256_hex(secret), sha256)


def _take_flow(tool: LtiTool, form: Mapping[str, str], browser_id: str | None, now: datetime) -> LoginFlow:
    state = form.get("state")
    if not state:
        raise LaunchRefused("state_missing")
    # Taken before anything else is looked at: whatever happens next, this state never works again.
    flow = tool.flows.take(sha256_hex(state), now)
    if flow is None:
        raise LaunchRefused("state_unknown")
    if not browser_id or not _same(browser_id, flow.browser_sha256):
        raise LaunchRefused("browser_mismatch")
    return flow


def check_audience(payload: Mapping[str, Any], client_id: str) -> None:
    """Refuse a token that is not for `client_id` (OpenID Connect Core §3.1.3.7 items 3–5)."""
    aud = payload.get("aud")
    audiences = [aud] if isinstance(aud, str) else aud
    if not isinstance(audiences, list) or client_id not in audiences:
        raise LaunchRefused("audience_mismatch")
    if not all(isinstance(each, str) for each in audiences):
        raise LaunchRefused("audience_mismatch")
    azp = payload.get("azp")
    if azp != client_id and (azp is not None or len(audiences) > 1):
        raise LaunchRefused("azp_mismatch")


def _check_nonce(payload: Mapping[str, Any], flow: LoginFlow) -> None:
    nonce = payload.get("nonce")
    if not isinstance(nonce, str) or not nonce:
        raise LaunchRefused("nonce_missing")
    if not _same(nonce, flow.nonce_sha256):
        raise LaunchRefused("nonce_mismatch")


def _check_login_error(form: Mapping[str, str]) -> None:
    error = form.get("error")
    if error:
        raise LaunchRefused("platform_login_required" if error in _LOGIN_ERRORS else "platform_refused")


def verify_launch(tool: LtiTool, form: Mapping[str, str], browser_id: str | None) -> Launch:
    """Return the launch in `form`, the platform's form_post to the launch address.

    The state is used up by the first call, whatever comes of it.

    Args:
        form: `id_token` and `state`, or `error`; each once.
        browser_id: the value of the browser's binding cookie; None if it sent none.

    Raises:
        DeploymentUnknown: all is right but the deployment awaits approval.
        LaunchRefused: every other reason in `lti.errors.REFUSALS` that concerns launches.

    Source: LTI 1.3 Core §5; OpenID Connect Core §3.1.3.7, §3.2.2.11; 1EdTech Security Framework 1.0 §5.1.3.
    """
    _check_login_error(form)
    now = tool.clock.now()
    flow = _take_flow(tool, form, browser_id, now)
    registration = tool.registrations.by_id(flow.registration_id)
    tool.require_transport(registration)
    id_token = form.get("id_token")
    if not id_token:
        raise LaunchRefused("token_missing")
    signed = verify_signed(id_token, registration, tool.platform_keys)
    if signed.typ.upper() not in ("", "JWT"):
        raise LaunchRefused("token_type_wrong")  # a document for another door (`lti.jwt_documents`)
    payload = signed.payload
    if payload.get("iss") != registration.issuer:
        raise LaunchRefused("issuer_mismatch")
    check_audience(payload, registration.client_id)
    check_times(
        payload,
        epoch_seconds(tool.clock),
        leeway_seconds=tool.leeway_seconds,
        max_age_seconds=tool.max_age_seconds,
    )
    _check_nonce(payload, flow)
    claims = parse_claims(payload, registration.client_id, anonymous_allowed=registration.anonymous_allowed)
    if claims.message_type not in SUPPORTED_MESSAGES:
        raise LaunchRefused("message_type_unsupported")
    if claims.target_link_uri != flow.target_link_uri:
        raise LaunchRefused("target_link_uri_mismatch")
    if claims.deployment_id not in registration.deployment_ids:
        raise DeploymentUnknown(registration.id, claims.deployment_id)
    return Launch(
        registration=registration,
        claims=claims,
        message_type=claims.message_type,
        return_url=claims.return_url if claims.return_url and registration.owns(claims.return_url) else None,
        id_token_sha256=signed.sha256,
        verified_at=now,
    )
