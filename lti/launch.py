"""Launch: the platform's signed answer to a login, believed only when everything in it fits that login."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lti.claims import NOTICE, LaunchClaims, parse_claims
from lti.clock import epoch_seconds
from lti.errors import DeploymentUnknown, LaunchRefused
from lti.jose import verify_signed
from lti.messages import Message, read_message
from lti.oidc import PlatformStorage, storage_for
from lti.registration import Registration
from lti.state import LoginFlow
from lti.times import check_times
from lti.tool import LtiTool

_LOGIN_ERRORS = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required"}
)


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that was verified in full.

    Args:
        message: what it asks for, a class for each type; `claims` is what all types say.
        return_url: where the learner may be sent back; None unless it lies on the platform's own origins.
        id_token_sha256: hexadecimal; of the token as it arrived.
        verified_at: UTC.
    """

    registration: Registration
    claims: LaunchClaims
    message: Message
    message_type: str
    return_url: str | None
    id_token_sha256: str
    verified_at: datetime


def open_flow(tool: LtiTool, state: str | None) -> LoginFlow:
    """Return the login that `state` belongs to; whether it was used before is not looked at.

    Raises:
        LaunchRefused: state_missing, state_unknown (not ours, or too old).
    """
    if not state:
        raise LaunchRefused("state_missing")
    flow = tool.seal.open(state)
    if flow is None or epoch_seconds(tool.clock) >= flow.created_seconds + tool.flow_seconds:
        raise LaunchRefused("state_unknown")
    return flow


def storage_to_ask(tool: LtiTool, form: Mapping[str, str], browser_id: str | None) -> PlatformStorage | None:
    """Return where to ask for what binds the browser, when its cookie does not; None if there is nowhere to ask.

    Raises:
        LaunchRefused: what `open_flow` raises, or the registration is gone.
    """
    if form.get("error"):
        return None
    flow = open_flow(tool, form.get("state"))
    if not flow.storage_target or (browser_id is not None and flow.is_bound_to(browser_id)):
        return None
    return storage_for(tool, flow, tool.registrations.by_id(flow.registration_id), keep=False)


def _bound_flow(
    tool: LtiTool, form: Mapping[str, str], browser_id: str | None, stored: str | None
) -> LoginFlow:
    flow = open_flow(tool, form.get("state"))
    bound = browser_id is not None and flow.is_bound_to(browser_id)
    if not bound and stored is not None and flow.storage_target:
        bound = hmac.compare_digest(stored.encode(), tool.seal.storage_value(flow).encode())
    if not bound:
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


def _check_nonce(payload: Mapping[str, Any], expected: str) -> None:
    nonce = payload.get("nonce")
    if not isinstance(nonce, str) or not nonce:
        raise LaunchRefused("nonce_missing")
    if not hmac.compare_digest(nonce.encode("utf-8", "surrogatepass"), expected.encode()):
        raise LaunchRefused("nonce_mismatch")


def _check_login_error(form: Mapping[str, str]) -> None:
    error = form.get("error")
    if error:
        raise LaunchRefused("platform_login_required" if error in _LOGIN_ERRORS else "platform_refused")


def verify_launch(
    tool: LtiTool, form: Mapping[str, str], browser_id: str | None, *, stored: str | None = None
) -> Launch:
    """Return the launch in `form`, the platform's form_post to the launch address.

    The state is used up by the first call from its own browser, whatever comes of it.

    Args:
        form: `id_token` and `state`, or `error`; each once.
        browser_id: the value of the browser's binding cookie; None if it sent none.
        stored: what the platform's storage kept for the browser (`lti.oidc.PlatformStorage`), where cookies are
            refused. MUST come from our own page, never from another site: the adapter checks the request's origin.

    Raises:
        DeploymentUnknown: all is right but the deployment awaits approval.
        LaunchRefused: every other reason in `lti.errors.REFUSALS` that concerns launches.

    Source: LTI 1.3 Core §5; OpenID Connect Core §3.1.3.7, §3.2.2.11; 1EdTech Security Framework 1.0 §5.1.3.
    """
    _check_login_error(form)
    flow = _bound_flow(tool, form, browser_id, stored)
    try:
        return _read_answer(tool, form, flow)
    finally:
        # Whatever came of it, this state never works again, and where it has worked before nothing else is said. The
        # durable write comes last since a processor that waited for a disk is slow at what follows.
        if not tool.used_states.use(flow.id, flow.expires_at(tool.flow_seconds)):
            raise LaunchRefused("state_unknown")


def _read_answer(tool: LtiTool, form: Mapping[str, str], flow: LoginFlow) -> Launch:
    registration = tool.registrations.by_id(flow.registration_id)
    tool.require_transport(registration)
    id_token = form.get("id_token")
    if not id_token:
        raise LaunchRefused("token_missing")
    signed = verify_signed(id_token, registration, tool.platform_keys)
    if signed.typ.upper() not in ("", "JWT"):
        raise LaunchRefused("token_type_wrong")  # a document for another door (`lti.jwt_documents`)
    payload = signed.payload
    if NOTICE in payload:
        raise LaunchRefused("token_type_wrong")  # a notice tells, it lets nobody in (`lti.notices`)
    if payload.get("iss") != registration.issuer:
        raise LaunchRefused("issuer_mismatch")
    check_audience(payload, registration.client_id)
    check_times(
        payload,
        epoch_seconds(tool.clock),
        leeway_seconds=tool.leeway_seconds,
        max_age_seconds=tool.max_age_seconds,
    )
    _check_nonce(payload, tool.seal.nonce(flow))
    claims = parse_claims(payload, registration.client_id, anonymous_allowed=registration.anonymous_allowed)
    if not flow.opens(claims.target_link_uri):
        raise LaunchRefused("target_link_uri_mismatch")
    message = read_message(payload, claims, registration)
    if claims.deployment_id not in registration.deployment_ids:
        raise DeploymentUnknown(registration.id, claims.deployment_id)
    return Launch(
        registration=registration,
        claims=claims,
        message=message,
        message_type=claims.message_type,
        return_url=claims.return_url if claims.return_url and registration.owns(claims.return_url) else None,
        id_token_sha256=signed.sha256,
        verified_at=tool.clock.now(),
    )
