"""A real bridge behind real HTTP on loopback, the platform that is registered with it, and its database to look at.

Time is the test's: one clock that stands until it is moved, so that minutes of study take milliseconds. Frames are
made pictures that `tests.presence.pictures` reads; all else is the application as it is served.
"""

import http.client
import io
import json
import logging
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import structlog
from flask import Flask
from sqlalchemy import text
from werkzeug.wrappers import Request as WsgiRequest
from werkzeug.wrappers import Response as WsgiResponse

from bridge.app import create_app
from bridge.commands.catalogue import load_catalogue
from bridge.completion.model import IssuedPaper
from bridge.db.base import Base
from bridge.db.outbox import overdue
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId
from bridge.settings import ROOT, Mode, Settings
from bridge.start import configure_logs
from bridge.wiring import House
from lti.claims import CONTEXT, RESOURCE_LINK
from plugins.simulators.attack.stage import keep_face
from tests.attacks.doors.people import LISTED, Person
from tests.lti.platform import Platform, StandingClock
from tests.lti.served import served
from tests.presence.pictures import PictureEngine, picture
from tests.presence.registering import register_face
from tests.servers.tables import migrate

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
"""In Guangzhou."""
ORG, RUN, REGISTRATION = InstitutionId("org_demo"), ClassRunId("run_demo"), RegistrationId("reg_demo_lms")
WEBHOOK_SECRET = b"a secret of forty characters, made up..."
JSON = {"Accept": "application/json"}
_LMS_PATH = "/lti/jwks"
_DOOR_FILES = (
    "institution.yaml",
    "course.yaml",
    "class_runs.yaml",
    "officials.yaml",
    "impact_assessments.yaml",
)


_PREFIXES = ("钟离", "44019919", "canary-", "19900070", "wx_canary_")
"""What the people's names, citizen ids, addresses and numbers begin with: too long to stand anywhere by chance."""
_TEXTS = (*_PREFIXES, *(Person(number).name[2:] for number in range(LISTED)))
_ANYBODY = re.compile(
    b"|".join(
        re.escape(form)
        for text in _TEXTS
        for form in (text.encode(), text.encode("ascii", "backslashreplace"))
    )
)
"""Any of them, in UTF-8 or as JSON escapes."""


@dataclass(repr=False)
class BridgeServer:
    """One bridge as its visitors see it, and as its operator could."""

    house: House
    app: Flask
    origin: str
    clock: StandingClock
    platform: Platform
    log: io.StringIO
    catalogue: Path
    variables: Mapping[str, str]
    invitations: Mapping[str, str]
    canaries: set[str] = field(default_factory=set)
    _people: Iterator[int] = field(default_factory=lambda: iter(range(LISTED - 1)))

    def post(self, path: str, body: bytes | str | dict[str, Any], **headers: str) -> requests.Response:
        """POST a body as it is, or a dictionary as JSON."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        given = {"Content-Type": "application/json", **_names(headers)}
        return requests.post(self.origin + path, data=content, headers=given, timeout=30)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.origin + path, headers=_names(headers), timeout=30)

    def raw(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
    ) -> tuple[int, Any]:
        """Send exactly these headers; return status and JSON."""
        connection = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=10)
        connection.putrequest(method, path)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)

    def browser(self) -> requests.Session:
        """Return a browser that asks for JSON, so that refusals are read like a program's."""
        browser = requests.Session()
        browser.trust_env = False
        browser.headers.update(JSON)
        return browser

    def someone(self) -> Person:
        """Return a person of the enrolment list whom no test has met yet."""
        person = Person(next(self._people))
        self.canaries.update(person.canaries)
        return person

    def someone_again(self) -> Person:
        """Return a person whom many tests share and none lets in for good."""
        return Person(LISTED - 1)

    def login(self, browser: requests.Session, **changes: str | None) -> dict[str, str]:
        """Let the browser begin a launch; return the state and nonce that the platform hears."""
        reply = browser.get(
            self.origin + "/lti/login", params=self.platform.login_params(**changes), allow_redirects=False
        )
        assert reply.status_code == 302, reply.text
        sent = parse_qs(urlsplit(reply.headers["Location"]).query)
        return {"state": sent["state"][0], "nonce": sent["nonce"][0]}

    def launch(self, browser: requests.Session, person: Person, **claims: Any) -> requests.Response:
        """Launch as the platform's user; every claim that could tell who it is is a canary."""
        self.canaries.update(person.canaries)
        going = self.login(browser)
        claims = {**self.personal_claims(person), **claims}
        token = self.platform.token(going["nonce"], **claims)
        return self.send_launch(browser, {"state": going["state"], "id_token": token})

    def personal_claims(self, person: Person) -> dict[str, Any]:
        """Return what an LMS that knows no bounds says of a person."""
        return {
            "sub": person.sub,
            "given_name": person.name[2:],
            "family_name": person.name[:2],
            "name": person.name,
            "email": person.email,
            "phone_number": person.phone,
            "https://purl.imsglobal.org/spec/lti/claim/custom": {
                "wechat": person.wechat,
                "note": f"请联系 {person.phone},邮箱 {person.email}",
                "citizen_id": person.citizen_id,
            },
            CONTEXT: {
                "id": "demo-course-1",
                "title": f"{person.name} 的课程 {person.phone}",
            },
            RESOURCE_LINK: {
                "id": "entry",
                "title": f"微信:{person.wechat}",
            },
        }

    def send_launch(self, browser: requests.Session, form: Mapping[str, str]) -> requests.Response:
        return browser.post(self.origin + "/lti/launch", data=form, allow_redirects=False)

    def account(self, person: Person) -> str:
        """Return the person's account, as a launch makes it."""
        with self.house.uow.for_institution(ORG) as tx:
            return self.house.at(tx).identity.recognise(REGISTRATION, person.sub, {}).account_id

    def consent(self, account: str) -> None:
        with self.house.uow.for_institution(ORG) as tx:
            self.house.at(tx).identity.give_consent(account, FACE, FACE_CONSENT.version)

    def name(self, account: str, person: Person) -> LearnerRef:
        """Let the person prove a real name, as the form does."""
        with self.house.uow.for_institution(ORG) as tx:
            identity = self.house.at(tx).identity
            learner = identity.verify_real_name(account, RUN, person.name, person.citizen_id).value
        assert learner is not None
        self.drain()
        return learner

    def _pass_time(self, **delta: int) -> None:
        self.clock.at += timedelta(**delta)

    def show_face(self, learner: LearnerRef) -> None:
        """Register the person's face: the challenge is passed, and anchors."""
        register_face(self.house, ORG, learner, RUN, self.drain, self._pass_time)

    def know_face(self, learner: LearnerRef) -> None:
        """Keep the person's face as a registration leaves it, without going one: that takes twenty pictures."""
        template = self.house.engine_for_faces.observe(picture("0")).template
        assert template is not None
        keep_face(self.house, learner, [template])
        self.drain()

    def ready(self) -> tuple[Person, LearnerRef]:
        """Return a person who may study; no picture of them has come yet."""
        person, learner = self.named()
        self.know_face(learner)
        return person, learner

    def registered(self) -> tuple[Person, LearnerRef]:
        """Return a person who went every step that comes before studying, pictures and all."""
        person, learner = self.named()
        self.show_face(learner)
        return person, learner

    def named(self) -> tuple[Person, LearnerRef]:
        """Return a person who consented and proved their name."""
        person = self.someone()
        account = self.account(person)
        self.consent(account)
        return person, self.name(account, person)

    def drain(self) -> None:
        """Run all jobs that want to run, as the worker would."""
        for _ in range(30):
            with self.house.uow.across_institutions("test: what waits", read_only=True) as tx:
                jobs = [one.id for one in overdue(tx.session, self.house.clock.now())]
            if not jobs:
                return
            for job in jobs:
                while self.house.runner.run(job):
                    pass
        raise AssertionError("jobs do not come to an end")

    def papers(self, learner: LearnerRef) -> list[IssuedPaper]:
        """Return the learner's papers."""
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return list(self.house.at(tx).completion_store.papers(learner, RUN))

    def rows(self, table: str, **where: str) -> list[dict[str, Any]]:
        """Return a table's rows."""
        assert table in Base.metadata.tables
        condition = " AND ".join(f"{name} = :{name}" for name in where) or "1 = 1"
        with self.house.engine.connect() as connection:
            found = connection.execute(text(f"SELECT * FROM {table} WHERE {condition}"), where)  # noqa: S608
            return [dict(row._mapping) for row in found]

    def state(self) -> dict[str, object]:
        """Return what stands for each table's rows: another row, another value."""
        tables = sorted(Base.metadata.tables)
        with self.house.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                rows = (connection.exec_driver_sql(f"SELECT * FROM {table}") for table in tables)  # noqa: S608
                return {
                    table: frozenset(map(tuple, found)) for table, found in zip(tables, rows, strict=True)
                }
            digests = " UNION ALL ".join(
                f"SELECT '{table}', md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} t"  # noqa: S608
                for table in tables
            )
            return {row[0]: row[1] for row in connection.execute(text(digests))}

    @contextmanager
    def unchanged(self, *but: str) -> Iterator[None]:
        """Hold that the block changes no row of any table `but` these."""
        before = self.state()
        yield
        after = self.state()
        changed = [name for name in before if before[name] != after[name] and name not in but]
        assert changed == [], f"changed: {changed}"

    def everything_written(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the bridge keeps: each file of its data folder, each row, and its log."""
        for path in sorted(self.house.settings.data_dir.rglob("*")):
            if path.is_file():
                yield path.name, path.read_bytes()
        with self.house.engine.connect() as connection:
            for table in Base.metadata.tables:
                found = connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
                yield table, repr([tuple(row) for row in found]).encode()
        yield "log", self.log.getvalue().encode()


def traces(written: Iterable[tuple[str, bytes]]) -> list[str]:
    """Return where one of the made-up people can be recognised."""
    return [where for where, content in written if _ANYBODY.search(content)]


def refused(answer: requests.Response, status: int, reason: str) -> dict[str, Any]:
    """Hold that a door refused with this reason and a Chinese sentence, and showed nothing else."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json"), answer.text
    return refusal(answer.json(), reason)


def refusal(told: dict[str, Any], reason: str) -> dict[str, Any]:
    """Hold that `told` is a refusal with this reason; return it."""
    assert told["reason"] == reason
    assert set(told) <= {"reason", "message", "expected_seq", "url"}
    assert any("\u4e00" <= letter <= "\u9fff" for letter in told["message"]), told
    # Nor is anything personal that came in told back.
    assert traces([("answer", json.dumps(told, ensure_ascii=False).encode())]) == []
    assert "Traceback" not in told["message"]
    return told


@contextmanager
def bridge_server(folder: Path, database_url: str, broker_url: str = "") -> Iterator[BridgeServer]:
    """Give a bridge in `folder` that is served until the block ends."""
    clock, jwks, slot = StandingClock(NOON), _Slot(), _Slot()
    var = folder / "var"
    var.mkdir()
    (var / "assets").symlink_to(ROOT / "var" / "assets")
    with ExitStack() as until_end:
        lms = until_end.enter_context(served(jwks))
        origin = until_end.enter_context(served(slot))
        log = until_end.enter_context(_captured_log())
        settings = Settings(
            mode=Mode.DEMONSTRATION,
            var=var,
            database_url=database_url,
            broker_url=broker_url,
            public_url=origin,
            web_threads=16,
        )
        settings.data_dir.mkdir(mode=0o700)
        house = House(settings, clock=clock)
        until_end.callback(house.close)
        house.__dict__["engine_for_faces"] = PictureEngine()
        migrate(house.engine)
        catalogue = _catalogue(folder / "catalogue")
        variables = {"lms_url": lms, "webhook_secret": WEBHOOK_SECRET.decode()}
        id_photos: dict[str, bytes] = {"learner": picture("0")}
        loaded = load_catalogue(house, catalogue, variables, id_photos.__getitem__)
        platform = Platform(lms, "anxue-demo", clock, origin)
        platform.deployment_id, platform.target_link_uri = "1", origin + "/lti/launch"
        jwks.wsgi = _publishes(platform)
        app = create_app(house.settings, house)
        slot.wsgi = app
        server = BridgeServer(
            house=house,
            app=app,
            origin=origin,
            clock=clock,
            platform=platform,
            log=log,
            catalogue=catalogue,
            variables=variables,
            invitations={one["login"]: one["url"] for one in loaded["invitations"]},
        )
        server.canaries.update(*(Person(number).canaries for number in range(LISTED)))
        yield server


def _names(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class _Slot:
    """A WSGI application that is put in after its server has a port."""

    wsgi: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.wsgi(environ, start_response)


def _publishes(platform: Platform) -> Callable[..., Any]:
    def serve(environ: Any, start_response: Any) -> Any:
        found = WsgiRequest(environ).path == _LMS_PATH
        body = json.dumps(platform.jwks) if found else ""
        return WsgiResponse(body, status=200 if found else 404, content_type="application/json")(
            environ, start_response
        )

    return serve


def _catalogue(folder: Path) -> Path:
    folder.mkdir()
    for name in _DOOR_FILES:
        shutil.copy(ROOT / "config" / "demo" / name, folder / name)
    learners = [
        {
            "name": one.name,
            "citizen_id": one.citizen_id,
            "employer": "广州示例仓储有限公司",
            "photo": "learner",
        }
        for one in map(Person, range(LISTED))
    ]
    listed = json.dumps({"class_run": RUN, "learners": learners}, ensure_ascii=False)  # JSON is YAML
    (folder / "enrolment_list.yaml").write_text(listed, encoding="utf-8")
    return folder


@contextmanager
def _captured_log() -> Iterator[io.StringIO]:
    """Give what the process logs, set up as `serve` does it."""
    log, root, before = io.StringIO(), logging.getLogger(), structlog.get_config()
    with redirect_stderr(log):
        configure_logs()
    # A cached logger would go on writing here after this server is gone.
    structlog.configure(cache_logger_on_first_use=False)
    handler = logging.StreamHandler(log)
    root.addHandler(handler)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        structlog.configure(**before)
