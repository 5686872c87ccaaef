"""What a signed-in user is opening at the tool, from the click until the platform signs for it."""

import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import redirect
from werkzeug.wrappers import Response as AnyResponse

from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import Desk

_HINT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Opening:
    """One launch that is about to happen.

    Args:
        link: the resource link that it is about.
        title: of the link.
        target: where the tool is to go; "" for the tool's own address.
        claims: what differs from a resource-link launch (None: left out).
    """

    link: str
    title: str
    target: str = ""
    claims: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the text that stands behind an lti_message_hint."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def from_json(cls, text: str) -> "Opening":
        """Return the opening that `to_json` gave."""
        return cls(**json.loads(text))


def send_to_tool(here: Desk, user: User, opening: Opening) -> AnyResponse:
    """Send the browser to the tool's login initiation (third-party login, LTI 1.3 core §5.1.1)."""
    hint = secrets.token_urlsafe(24)
    here.store.put_hint(hint, user.sub, opening.to_json(), here.epoch() + _HINT_SECONDS)
    query = {
        "iss": here.lms.issuer,
        "login_hint": user.sub,
        "target_link_uri": opening.target or here.lms.tool.target_link_uri,
        "lti_message_hint": hint,
        "client_id": here.lms.tool.client_id,
        "lti_deployment_id": here.lms.platform.deployment_id,
    }
    return redirect(f"{here.lms.tool.login_url}?{urlencode(query)}")
