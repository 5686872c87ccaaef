"""What every page and door of the simulator needs at hand, and who is signed in."""

import hmac
import secrets
from dataclasses import dataclass
from typing import cast

from flask import abort, current_app, request, session

from bridge.kernel.ids import random_ref
from bridge.kernel.time import Clock
from plugins.simulators.demo_lms.course import DemoLms, User
from plugins.simulators.demo_lms.faults import Faults
from plugins.simulators.demo_lms.keys import PlatformKey
from plugins.simulators.demo_lms.store import Store
from plugins.simulators.demo_lms.webhook import Courier

_SESSION_TOKEN_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Desk:
    """The simulator's parts, built once by `create_app`."""

    lms: DemoLms
    key: PlatformKey
    store: Store
    courier: Courier
    clock: Clock
    faults: Faults

    def epoch(self) -> int:
        """Return whole seconds since the Unix epoch, as the platform's clock has it (it may go wrong on purpose)."""
        return int(self.clock.now().timestamp()) + self.faults.skew_seconds

    def session_token(
        self, user: User, resource_link_id: str, activity: str, attempt: str | None = None
    ) -> str:
        """Return the token with which a page's agent opens a session at the bridge (agent protocol v1)."""
        now = self.epoch()
        claims = {
            "iss": self.lms.issuer,
            "aud": self.lms.tool.session_audience,
            "sub": user.sub,
            "iat": now,
            "exp": now + _SESSION_TOKEN_SECONDS,
            "jti": random_ref("jti"),
            "resource_link_id": resource_link_id,
            "activity": activity,
        }
        if attempt is not None:
            claims["attempt"] = attempt
        return self.key.sign(claims, typ="anxue-session+jwt")


def desk() -> Desk:
    """Return the parts of the running simulator."""
    return cast(Desk, current_app.extensions["demo_lms"])


def signed_in_user() -> User | None:
    """Return who clicked a name in this browser, or None."""
    sub = session.get("sub")
    return desk().lms.user(sub) if isinstance(sub, str) else None


def form_token() -> str:
    """Return the token that each form of this browser must carry."""
    if "form_token" not in session:
        session["form_token"] = secrets.token_urlsafe(24)
    return cast(str, session["form_token"])


def require_form_token() -> None:
    """End the request with 403 unless it carries the browser's form token (form field or X-CSRFToken)."""
    sent = request.headers.get("X-CSRFToken") or request.form.get("form_token", "")
    if not hmac.compare_digest(sent.encode(), form_token().encode()):
        abort(403)
