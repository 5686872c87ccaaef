"""Bench `launch`: server time of login + launch verification, ours against PyLTI1p3's.

Both sides verify the same id_tokens with keys already cached, turn by turn in one process. Ours marks its one-time
state in the bridge's own store (SQLite, WAL, synchronous=FULL: one durable commit a launch, into a write-ahead log
that has reached its steady size, as that of a running server has); PyLTI1p3 keeps its state in a dict, as its own
examples do. Signing the tokens is the platform's work and is not counted. Then ours alone, 50 launches a second.
"""

import importlib
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bridge.db.base import Base
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import UnitOfWork
from bridge.intake.launch_state import SqlUsedStates
from lti import claims as names
from lti.clock import SystemClock
from lti.keys import KeySource, ToolKey, ToolKeyRing
from lti.launch import verify_launch
from lti.oidc import start_login
from lti.registration import NetworkPolicy, Registration
from lti.registration_memory import MemoryRegistrations
from lti.state import STATE_KEY_BYTES, StateSeal, UsedStates
from lti.tool import LtiTool, new_secret

LAUNCHES = 1000
WARM_UP = 50
PACED = 500
PER_SECOND = 50
_LOG_PAGES = (
    1200  # SQLite begins its log anew after 1,000 pages; until then each commit also makes the file longer
)
_TOOL = "https://tool.example"
_LMS = "https://lms.example"


class PeerMissing(RuntimeError):
    """The library to compare with is not installed."""


class _OneKeySet:
    """Stands for the network: the platform's JWKS, in memory."""

    def __init__(self, jwks: dict[str, Any]) -> None:
        self._jwks = jwks

    def get_json(self, url: str, policy: NetworkPolicy) -> Any:
        return self._jwks


class _Ours:
    """Our side: login, then launch."""

    def __init__(self, platform: ToolKeyRing, used: UsedStates) -> None:
        registration = Registration(
            id="bench",
            tenant="bench",
            issuer=_LMS,
            client_id="client",
            auth_login_url=_LMS + "/auth",
            auth_token_url=_LMS + "/token",
            jwks_url=_LMS + "/jwks",
            deployment_ids=frozenset({"deployment"}),
        )
        clock = SystemClock()
        self._tool = LtiTool(
            public_url=_TOOL,
            registrations=MemoryRegistrations([registration]),
            seal=StateSeal(b"bench".ljust(STATE_KEY_BYTES)),
            used_states=used,
            platform_keys=KeySource(_OneKeySet(platform.jwks()), clock),
            tool_keys=platform,
            clock=clock,
        )
        self._browser_id = new_secret()

    def login(self) -> tuple[str, str]:
        """Return (state, nonce)."""
        going = start_login(self._tool, _login_params(), self._browser_id)
        return going.state, going.nonce

    def launch(self, state: str, id_token: str) -> None:
        """Verify one launch."""
        verify_launch(self._tool, {"state": state, "id_token": id_token}, self._browser_id)


def _login_params() -> dict[str, str]:
    return {
        "iss": _LMS,
        "client_id": "client",
        "login_hint": "hint",
        "lti_message_hint": "message",
        "target_link_uri": _TOOL + "/study",
    }


class _PyLti1p3:
    """PyLTI1p3's side, over its own Flask classes fed with plain dicts."""

    def __init__(self, platform: ToolKeyRing) -> None:
        try:
            self._flask = importlib.import_module("pylti1p3.contrib.flask")
            tool_config = importlib.import_module("pylti1p3.tool_config")
        except ModuleNotFoundError as missing:
            if (missing.name or "").split(".")[0] != "pylti1p3":
                raise
            raise PeerMissing(
                "the bench `launch` compares with PyLTI1p3 2.0.0, which is not installed: "
                "install the packages of requirements/dev.txt"
            ) from missing
        client = {
            "default": True,
            "client_id": "client",
            "auth_login_url": _LMS + "/auth",
            "auth_token_url": _LMS + "/token",
            "key_set": platform.jwks(),
            "deployment_ids": ["deployment"],
        }
        self._config = tool_config.ToolConfDict({_LMS: [client]})
        self._config.set_private_key(_LMS, platform.signing().pem.decode(), "client")
        self._session: dict[str, Any] = {}

    def _request(self, cookies: dict[str, str], data: dict[str, str]) -> Any:
        return self._flask.FlaskRequest(
            cookies=cookies, session=self._session, request_data=data, request_is_secure=True
        )

    def login(self, nonce: str) -> str:
        """Return the state; the nonce is the given one, so that both sides get the same token."""
        login = self._flask.FlaskOIDCLogin(self._request({}, _login_params()), self._config)
        login._generate_nonce = lambda: nonce
        going = login.get_redirect_object(_TOOL + "/lti/launch")
        url: str = going.get_redirect_url()
        return parse_qs(urlsplit(url).query)["state"][0]

    def launch(self, state: str, id_token: str) -> None:
        """Verify one launch."""
        request = self._request({f"lti1p3-{state}": state}, {"state": state, "id_token": id_token})
        self._flask.FlaskMessageLaunch(request, self._config).validate()


def _id_token(platform: ToolKey, nonce: str) -> str:
    now = int(datetime.now(UTC).timestamp())
    membership = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
    return platform.sign(
        {
            "iss": _LMS,
            "sub": "user-1",
            "aud": "client",
            "iat": now - 1,
            "exp": now + 300,
            "nonce": nonce,
            "given_name": "晓明",
            "family_name": "王",
            "email": "learner@lms.example",
            names.MESSAGE_TYPE: names.RESOURCE_LINK_REQUEST,
            names.VERSION: names.LTI_VERSION,
            names.DEPLOYMENT_ID: "deployment",
            names.TARGET_LINK_URI: _TOOL + "/study",
            names.RESOURCE_LINK: {"id": "link-1", "title": "第一单元"},
            names.ROLES: [membership + "Learner"],
            names.CONTEXT: {"id": "course-1", "label": "C1", "title": "安全生产培训"},
            names.CUSTOM: {"unit": "u1", "class_run": "r1"},
        }
    )


def _timed(work: Callable[[], Any]) -> tuple[Any, int]:
    """Return what `work` returns, and nanoseconds."""
    start = time.perf_counter_ns()
    result = work()
    return result, time.perf_counter_ns() - start


def _measure(launches: int) -> tuple[list[int], list[int], list[int]]:
    """Return nanoseconds of each launch: ours, theirs, ours at a steady pace."""
    platform = ToolKeyRing([ToolKey.generate()])
    ours_ns: list[int] = []
    theirs_ns: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'flows.sqlite3'}")
        Base.metadata.tables["lti_used_state"].create(engine)
        used = SqlUsedStates(UnitOfWork(engine, SystemClock()))
        for _ in range(_LOG_PAGES):
            used.use(secrets.token_bytes(16), datetime.now(UTC))
        ours, theirs = _Ours(platform, used), _PyLti1p3(platform)
        for number in range(WARM_UP + launches):
            (state, nonce), login = _timed(ours.login)
            peer_state, peer_login = _timed(partial(theirs.login, nonce))
            token = _id_token(platform.signing(), nonce)
            turns = [partial(ours.launch, state, token), partial(theirs.launch, peer_state, token)]
            # Whoever goes second finds warmer caches: take turns.
            order = (0, 1) if number % 2 else (1, 0)
            spent = {which: _timed(turns[which])[1] for which in order}
            if number >= WARM_UP:
                ours_ns.append(login + spent[0])
                theirs_ns.append(peer_login + spent[1])
        paced_ns = _paced(ours, platform.signing())
        engine.dispose()
    return ours_ns, theirs_ns, paced_ns


def _paced(ours: _Ours, platform: ToolKey) -> list[int]:
    """Return nanoseconds of each of `PACED` launches that begin at fixed moments, `PER_SECOND` a second."""
    spent = []
    begin = time.perf_counter()
    for number in range(PACED):
        (state, nonce), login = _timed(ours.login)
        token = _id_token(platform, nonce)
        time.sleep(max(0.0, begin + number / PER_SECOND - time.perf_counter()))
        spent.append(login + _timed(partial(ours.launch, state, token))[1])
    return spent


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 4)


def run(json: bool) -> dict[str, Any]:
    """Return the bench's figures; takes some seconds. Medians over all launches, in milliseconds.

    Args:
        json: say nothing on the way; else one line to stderr tells what is going on.

    Raises:
        PeerMissing: PyLTI1p3 is not installed.
    """
    if not json:
        sys.stderr.write(f"launch: {LAUNCHES} launches on each side\n")
    ours, theirs, paced = _measure(LAUNCHES)
    mine, peers = statistics.median(ours), statistics.median(theirs)
    ratio = round(mine / peers, 3)
    return {
        "name": "launch",
        "n": LAUNCHES,
        "peers": [{"name": "pylti1p3", "figure": _ms(peers), "unit": "ms", "ratio": ratio}],
        "ratio": ratio,
        "ms_per_launch": _ms(mine),
        "p99_ms": _ms(statistics.quantiles(ours, n=100)[98]),
        "per_second": PER_SECOND,
        "paced_p50_ms": _ms(statistics.median(paced)),
        "paced_p99_ms": _ms(statistics.quantiles(paced, n=100)[98]),
    }
