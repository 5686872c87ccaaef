"""What the tool signs and the browser carries back to the platform: deep linking responses, started assessments."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lti.claims import DEPLOYMENT_ID, LTI_VERSION, MESSAGE_TYPE, VERSION
from lti.clock import epoch_seconds
from lti.errors import LaunchRefused
from lti.registration import Registration
from lti.tool import LtiTool

TOOL_MESSAGE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class BrowserPost:
    """A form that the browser is to send: one field to one address.

    Args:
        url: lies on the platform's own origins; escape it when it is written into a page all the same.
        jwt: the value of the field `FIELD`.
    """

    FIELD: ClassVar[str] = "JWT"

    url: str
    jwt: str = field(repr=False)


def sign_tool_message(
    tool: LtiTool,
    registration: Registration,
    message_type: str,
    deployment_id: str,
    url: str,
    claims: Mapping[str, Any],
) -> BrowserPost:
    """Return the message of `claims`, signed for the platform alone and good for five minutes.

    Raises:
        LaunchRefused: return_url_foreign, when `url` is not the platform's own; nothing is signed.

    Source: 1EdTech Security Framework 1.0 §5.2.2 (tool-originating messages).
    """
    # Asked again though the reader asked it at launch: the registration may have changed since.
    if not registration.owns(url):
        raise LaunchRefused("return_url_foreign")
    now = epoch_seconds(tool.clock)
    signed = tool.tool_keys.signing().sign(
        {
            "iss": registration.client_id,
            "sub": registration.client_id,  # Blackboard asks for it, nobody minds
            "aud": registration.issuer,
            "iat": now,
            "exp": now + TOOL_MESSAGE_SECONDS,
            "nonce": secrets.token_urlsafe(32),
            MESSAGE_TYPE: message_type,
            VERSION: LTI_VERSION,
            DEPLOYMENT_ID: deployment_id,
            **claims,
        }
    )
    return BrowserPost(url, signed)
