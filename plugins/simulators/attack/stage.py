"""The stage: a real bridge behind real HTTP, whose time the stage moves, so that hours of study take seconds.

Doors, ledger, packs and face models are those of `serve`; jobs run when the stage says so, in this process. The
platform is a key that signs what an LMS's page would be given. The people and their class run are made up.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from bridge.app import create_app
from bridge.commands.catalogue import load_catalogue, photographs_from
from bridge.db.outbox import overdue
from bridge.db.schema import upgrade
from bridge.identity.citizen_id import check_character
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId, new_id, random_ref
from bridge.ledger.model.statement import SecondsStatement
from bridge.presence.anchoring import ID_PHOTO, anchored
from bridge.presence.face import FaceTemplate
from bridge.presence.model import FaceReference
from bridge.registry.yaml_files import read_yaml
from bridge.settings import ROOT, Mode, Settings
from bridge.wiring import House
from lti.keys import ToolKey
from plugins.simulators.demonstration.cameras import Camera, Elsewhere, Puppet

MORNING = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
"""09:00 in Guangzhou: no attack but the one by night meets midnight."""
ORG, RUN, REGISTRATION = InstitutionId("org_demo"), ClassRunId("run_demo"), RegistrationId("reg_demo_lms")
UNIT, OTHER_UNIT = "unit-1", "unit-2"
_UNIT_MS = 8 * 3_600_000  # longer than any attack, so that no attack fails for want of content
_CLIENT_ID = "anxue-demo"
_FAMILY, _FIRST, _SECOND = "钟离", "岫岚湫珩翀霁黛蓼篁榛", "珺璟旻昶翊翎蘅蕤暄晞沅沚泠淇"
_REFERENCE_FRAMES = 3
_ROUNDS_OF_JOBS = 50


class MovedClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, seconds: float) -> None:
        """Move on; never back."""
        self._at += timedelta(seconds=max(0.0, seconds))

    def ms(self) -> int:
        """Return epoch ms."""
        return int(self._at.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class MadeUpPerson:
    """A learner who does not exist (nor does the area 440199)."""

    number: int

    @property
    def name(self) -> str:
        return (
            _FAMILY
            + _FIRST[self.number % 10]
            + _SECOND[self.number // 10 % 14]
            + ("" if self.number < 140 else _SECOND[self.number // 140 % 14])
        )

    @property
    def citizen_id(self) -> str:
        body = f"440199{1970 + self.number // 900}0115{100 + self.number % 900}"
        return body + check_character(body)

    @property
    def sub(self) -> str:
        return f"attack-user-{self.number}"


def keep_face(house: House, learner: LearnerRef, templates: Sequence[FaceTemplate]) -> None:
    """Keep a face of the learner's class run as an honest registration leaves it: anchored by the ID photo."""
    model, sha256 = house.recogniser
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        names = tuple(stations.vault.put(scope, one.vector, "application/octet-stream") for one in templates)
        reference = FaceReference(
            learner, RUN, model, sha256, names, names[0], None, has_roster_photo=True, id=new_id("fref")
        )
        stations.presence_store.save_reference(anchored(tx, reference, house.study_clock.now(), ID_PHOTO))


@dataclass(repr=False)
class Stage:
    """A bridge to attack, and the means to look at what its ledger says afterwards."""

    house: House
    origin: str
    clock: MovedClock
    camera: Camera
    puppet: Puppet
    poses: Elsewhere
    _key: ToolKey
    _issuer: str
    _people: Iterator[MadeUpPerson] = field(repr=False)

    def newcomer(self) -> tuple[MadeUpPerson, LearnerRef]:
        """Return a learner with consent, real name and face: all that comes before study, without the pages.

        The face stands as an honest registration leaves it; `registration` attacks the registration itself.
        """
        person, learner = self.stranger_to_the_camera()
        engine = self.house.engine_for_faces
        found = [engine.observe(self.camera.learner()).template for _ in range(_REFERENCE_FRAMES)]
        seen = [template for template in found if template is not None]
        if len(seen) != _REFERENCE_FRAMES:
            raise RuntimeError("the stage's own photograph has no usable face")
        keep_face(self.house, learner, seen)
        self.run_jobs()
        return person, learner

    def has_reference(self, learner: LearnerRef) -> bool:
        """Return whether any face is kept as the learner's, anchored or not: then the doors let them study."""
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return self.house.at(tx).presence_store.reference(learner, RUN) is not None

    def stranger_to_the_camera(self) -> tuple[MadeUpPerson, LearnerRef]:
        """Return a learner with consent and real name whose face nobody has seen yet."""
        person = next(self._people)
        with self.house.uow.for_institution(ORG) as tx:
            identity = self.house.at(tx).identity
            account = identity.recognise(REGISTRATION, person.sub, {}).account_id
            identity.give_consent(account, FACE, FACE_CONSENT.version)
            learner = identity.verify_real_name(account, RUN, person.name, person.citizen_id).value
        if learner is None:
            raise RuntimeError("the stage's own enrolment list does not know its person")
        self.run_jobs()
        return person, learner

    def token(self, person: MadeUpPerson, resource_link_id: str = UNIT) -> str:
        """Return what the page of an LMS is given for its learner (agent protocol v1)."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self._issuer,
            "client_id": _CLIENT_ID,
            "aud": f"{self.origin}/agent/v1/sessions",
            "sub": person.sub,
            "iat": now,
            "exp": now + 240,
            "jti": random_ref("jti"),
            "resource_link_id": resource_link_id,
            "activity": "study",
        }
        return self._key.sign(claims, typ="anxue-session+jwt")

    def run_jobs(self) -> None:
        """Do all that a worker would have done by now."""
        for _ in range(_ROUNDS_OF_JOBS):
            with self.house.uow.across_institutions("attack: what waits", read_only=True) as tx:
                jobs = overdue(tx.session, self.house.clock.now())
            if not jobs:
                return
            for job in jobs:
                while self.house.runner.run(job.id):
                    pass
        raise RuntimeError("jobs do not come to an end")

    def gap_limit_seconds(self) -> int:
        """Return the longest silence that counts, by the packs in force."""
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return self.house.at(tx).check_rules.beat_gap_limit_ms(RUN) // 1000

    def statement(self, learner: LearnerRef) -> SecondsStatement:
        """Return what the learner's ledger is worth now that every job is done."""
        self.house.sweep()
        self.run_jobs()
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return self.house.at(tx).ledger.statement(learner, RUN)


@contextmanager
def stage(folder: Path, people: int) -> Iterator[Stage]:
    """Give a bridge in `folder` with `people` on its enrolment list, until the block ends."""
    clock, key, jwks, bridge = MovedClock(MORNING), ToolKey.generate(), _Slot(), _Slot()
    var = folder / "var"
    var.mkdir(parents=True)
    (var / "assets").symlink_to(Settings().assets)
    with ExitStack() as until_end:
        issuer = until_end.enter_context(_served(jwks))
        origin = until_end.enter_context(_served(bridge))
        settings = Settings(
            mode=Mode.DEMONSTRATION,
            var=var,
            data=var / "bridge",
            database_url=f"sqlite:///{var / 'bridge' / 'anxue.sqlite3'}",
            public_url=origin,
            study_factor=1,
            web_threads=16,
        )
        settings.data_dir.mkdir(mode=0o700)
        house = House(settings, clock=clock)
        until_end.callback(house.close)
        upgrade(house.engine)
        everybody = [MadeUpPerson(number) for number in range(people)]
        catalogue = _catalogue(folder / "catalogue", everybody)
        variables = {"lms_url": issuer, "webhook_secret": "an attack needs no webhook secret, it is made up"}
        load_catalogue(house, catalogue, variables, photographs_from("demo"))
        jwks.answer = Response(json.dumps({"keys": [key.public_jwk()]}), content_type="application/json")
        bridge.answer = create_app(settings, house)
        seen = Camera(seed=7), Puppet(seed=7), Elsewhere(seed=8)
        yield Stage(house, origin, clock, *seen, key, issuer, iter(everybody))


def _catalogue(folder: Path, people: list[MadeUpPerson]) -> Path:
    """Copy the demonstration's catalogue with this enrolment list and units that no attack comes to the end of."""
    folder.mkdir()
    demo = ROOT / "config" / "demo"
    for name in ("institution.yaml", "class_runs.yaml", "officials.yaml", "impact_assessments.yaml"):
        shutil.copy(demo / name, folder / name)
    course = read_yaml(demo / "course.yaml")
    for unit in course["courses"][0]["units"]:
        unit["nominal_ms"] = _UNIT_MS
    listed = {
        "class_run": RUN,
        "learners": [
            {
                "name": one.name,
                "citizen_id": one.citizen_id,
                "employer": "广州示例仓储有限公司",
                "photo": "learner",
            }
            for one in people
        ],
    }
    for name, content in (("course.yaml", course), ("enrolment_list.yaml", listed)):
        # JSON is YAML.
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder


class _Slot:
    """A WSGI application that is put in after its server has a port."""

    answer: Callable[..., Any]

    def __call__(self, environ: Any, start_response: Any) -> Any:
        Request(environ)
        return self.answer(environ, start_response)


class _Quiet(WSGIRequestHandler):
    # One connection for all of a client's requests, as browsers and cheating tools keep it.
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: thousands of requests are the point."""


@contextmanager
def _served(app: Callable[..., Any]) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
