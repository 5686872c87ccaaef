"""What a case is, and the stage that it is played on: a draft of a right launch, and a tool that hears it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from plugins.simulators.demo_lms.course import User
from plugins.simulators.demo_lms.desk import Desk
from plugins.simulators.demo_lms.oidc import id_token_claims
from plugins.simulators.demo_lms.rehearsal.answers import Answer, Right
from plugins.simulators.demo_lms.rehearsal.browser import Browser, Going, LoginRefused
from plugins.simulators.demo_lms.rehearsal.signing import RsaSigner, without_none

REFETCH_SECONDS = 31
"""Tools ask for a platform's keys again at most so often; a case that needs them to ask waits."""


def actor(number: int, role: str = "learner") -> User:
    """Return a made-up person of the rehearsal, so that no user of the course is mixed up in it."""
    return User(
        sub=f"rehearsal-{role}-{number}",
        family_name="演",
        given_name=f"练{number}",
        role=role,
        email=f"canary.rehearsal{number}@lms.example",
        phone=f"1990000900{number}",
    )


@dataclass(slots=True)
class Draft:
    """A right launch that is about to be signed.

    Args:
        claims: all that is in it; a case changes them.
        signer: the platform's key, under its kid.
        now: Unix time.
    """

    claims: dict[str, Any]
    signer: RsaSigner
    now: int

    def changed(self, **claims: Any) -> str:
        """Return the token with claims changed (None: left out)."""
        return self.signer.sign(without_none({**self.claims, **claims}))

    def moved(self, **seconds: int | None) -> str:
        """Return the token with times set so many seconds from now (None: left out)."""
        return self.changed(
            **{name: None if value is None else self.now + value for name, value in seconds.items()}
        )

    def headed(self, **header: Any) -> str:
        """Return the token with header members changed (None: left out)."""
        return self.signer.sign(self.claims, **header)

    def json(self) -> bytes:
        """Return the claims as they are signed."""
        return json.dumps(self.claims).encode()


def _nothing(_stage: "Stage") -> Answer:
    raise ValueError("a case has a token or a flow")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is wrong (or odd but right), and what is right for the tool to do.

    Args:
        id: of the security case list, with a part where a row has several.
        title: in Chinese.
        token: makes the token of a launch that is right in all else; None where more than the token is wrong.
        flow: plays the case where `token` is None.
        waits: seconds of waiting that it takes beyond asking for keys.
        may_hang_up, may_be_unavailable: see `fault_of`.
    """

    id: str
    title: str
    right: Right
    token: Callable[[Draft], str] | None = None
    flow: "Callable[[Stage], Answer]" = _nothing
    waits: int = 0
    may_hang_up: bool = False
    may_be_unavailable: bool = False

    def play(self, stage: "Stage") -> Answer:
        """Play it; a login that is refused is an answer as well."""
        try:
            if self.token is not None:
                return stage.launch(self.token)
            return self.flow(stage)
        except LoginRefused as refused:
            return refused.answer


@dataclass(slots=True)
class Stage:
    """Where cases are played: the simulator's own keys and claims against the tool that it is told of.

    Args:
        wait: lets so many seconds pass, in the platform's clock.
    """

    desk: Desk
    wait: Callable[[float], object] = time.sleep
    learner: User = field(default_factory=lambda: actor(1))
    _last_fetches: int = 0
    _fetched_at: float | None = None

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """Give a browser that nobody used yet."""
        browser = Browser()
        try:
            yield browser
        finally:
            browser.close()

    def signer(self) -> RsaSigner:
        """Return the platform's own key."""
        return RsaSigner(self.desk.key.kid, self.desk.key.private())

    def login_params(self, **changes: str | None) -> dict[str, str]:
        """Return a right login initiation, parameters changed (None: left out)."""
        lms = self.desk.lms
        right = {
            "iss": lms.issuer,
            "login_hint": self.learner.sub,
            "target_link_uri": lms.tool.target_link_uri,
            "lti_message_hint": "rehearsal",
            "client_id": lms.tool.client_id,
            "lti_deployment_id": lms.platform.deployment_id,
        }
        return without_none({**right, **changes})

    def begin(self, browser: Browser, **changes: str | None) -> Going:
        """Begin a login, parameters changed (None: left out); LoginRefused where the tool does not."""
        return browser.open_login(self.desk.lms.tool.login_url, self.login_params(**changes))

    def begin_by_form(self, browser: Browser) -> Going:
        """Begin a right login by POST."""
        return browser.open_login(self.desk.lms.tool.login_url, self.login_params(), post=True)

    def draft(self, nonce: str, user: User | None = None) -> Draft:
        """Return a right launch of the course's entry."""
        link = self.desk.lms.course.entry.resource_link_id
        claims = id_token_claims(self.desk, user or self.learner, link, nonce)
        return Draft(claims, self.signer(), self.desk.epoch())

    def finish(self, browser: Browser, state: str, token: str, **form: str) -> Answer:
        """Post a launch to the tool."""
        return self.send(browser, {"state": state, "id_token": token, **form})

    def send(self, browser: Browser, form: Mapping[str, str]) -> Answer:
        """Post any form to the tool's launch address."""
        return browser.post(self.desk.lms.tool.redirect_uris[0], form)

    def launch(self, token: Callable[[Draft], str], user: User | None = None) -> Answer:
        """Play a whole launch in a new browser, with the token made of a right draft."""
        with self.browser() as browser:
            going = self.begin(browser)
            return self.finish(browser, going.state, token(self.draft(going.nonce, user)))

    def right_launch(self, browser: Browser, user: User | None = None) -> Answer:
        """Play a right launch in `browser`."""
        going = self.begin(browser)
        return self.finish(browser, going.state, self.draft(going.nonce, user).changed())

    def let_keys_be_fetched(self) -> None:
        """Wait until a tool that has just asked for the keys may ask again."""
        fetches = self.desk.faults.key_fetches
        now = self.desk.clock.now().timestamp()
        if self._fetched_at is None or fetches != self._last_fetches:
            self._fetched_at, self._last_fetches = now, fetches
        remaining = self._fetched_at + REFETCH_SECONDS - now
        if remaining > 0:
            self.wait(remaining)
