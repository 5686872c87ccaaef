"""A real house with the demonstration's catalogue, a second institution in another city, and made-up study."""

import atexit
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from bridge.app import create_app
from bridge.commands.catalogue import load_catalogue
from bridge.completion.model import IssuedPaper, TestEvidence, TestScore
from bridge.db.outbox import JobRow
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import (
    ClassRunId,
    CourseUnitId,
    InstitutionId,
    JobId,
    LearnerRef,
    RegistrationId,
    StudySessionId,
)
from bridge.kernel.time import FixedClock, epoch_ms
from bridge.ledger.model.facts import Beat
from bridge.ledger.ports import Batch, SessionFacts
from bridge.ledger.service import LedgerService
from bridge.ledger.snapshot_store import SqlSnapshotStore
from bridge.ledger.store import SqlLedgerStore
from bridge.presence.model import FaceReference
from bridge.rules.model import RuleBook
from bridge.settings import ROOT, Mode, Settings
from bridge.wiring import House
from tests.servers.tables import make_tables

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
"""12:00 in Guangzhou."""
ORG, RUN = InstitutionId("org_demo"), ClassRunId("run_demo")
OTHER_ORG, OTHER_RUN = InstitutionId("org_sz"), ClassRunId("run_sz")
PLATFORM, OTHER_PLATFORM = RegistrationId("reg_demo_lms"), RegistrationId("reg_sz_lms")
LMS = "http://127.0.0.1:8123"
PASSWORD = "made-up-Pass-2026"
CHEN, CHEN_ID = "陈晓安", "440199199003071219"
HUANG, HUANG_ID = "黄志强", "440199198511151317"
STRANGER, STRANGER_ID = "李未名", "440199199309221611"
JPEG = b"\xff\xd8\xff\xe0 not a photograph, but it begins like one"
ASSETS = {
    "web/htmx.min.js": b"/* stands in for htmx */",
    "web/echarts.min.js": b"/* stands in for ECharts */",
    "fonts/NotoSansSC_400Regular.ttf": b"stands in for a font",
    "fonts/NotoSansSC_700Bold.ttf": b"stands in for a bold font",
}
BEAT_MS = 10_000


@dataclass
class Furnished:
    """The house, its application, and what tests do there."""

    house: House
    app: Flask
    clock: FixedClock

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def as_staff(self, login: str) -> FlaskClient:
        """Return a browser in which this member of staff is signed in."""
        client = self.client()
        answer = client.post(
            "/sign-in", data={"csrf_token": token(client), "login": login, "password": PASSWORD}
        )
        assert answer.status_code == 303, answer.text
        return client

    def account(self, sub: str, platform: RegistrationId = PLATFORM, institution: InstitutionId = ORG) -> str:
        """Return the account of an LMS user, as a launch makes it."""
        with self.house.uow.for_institution(institution) as tx:
            return self.house.at(tx).identity.recognise(platform, sub, {}).account_id

    def as_learner(
        self,
        account: str,
        learner: LearnerRef | None = None,
        *,
        run: ClassRunId = RUN,
        org: InstitutionId = ORG,
    ) -> FlaskClient:
        """Return a browser after the learner's launch."""
        client = self.client()
        with client.session_transaction() as session:
            session.update(
                role="learner",
                institution_id=org,
                account_id=account,
                learner=learner,
                class_run=run,
                registration_id=PLATFORM,
                return_url=f"{LMS}/course",
            )
        return client

    def enrol(
        self, sub: str, name: str, citizen_id: str, *, run: ClassRunId = RUN, org: InstitutionId = ORG
    ) -> tuple[str, LearnerRef]:
        """Return account and learner of somebody who consented and proved their name."""
        account = self.account(sub, PLATFORM if org == ORG else OTHER_PLATFORM, org)
        with self.house.uow.for_institution(org) as tx:
            identity = self.house.at(tx).identity
            identity.give_consent(account, FACE, FACE_CONSENT.version)
            learner = identity.verify_real_name(account, run, name, citizen_id).value
        assert learner is not None
        self.work_off()
        return account, learner

    def work_off(self) -> None:
        """Run every job that wants to run, as the worker does."""
        for _ in range(20):
            with self.house.uow.across_institutions("test: what waits", read_only=True) as tx:
                due = select(JobRow.id).where(JobRow.state == "open", JobRow.run_after <= self.clock.now())
                jobs = [JobId(job) for job in tx.session.scalars(due.order_by(JobRow.id))]
            if not jobs:
                return
            for job in jobs:
                while self.house.runner.run(job):
                    pass

    def record(self, learner: LearnerRef, facts: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Record checks, anchors and offline sessions."""
        with self.house.uow.for_institution(ORG) as tx:
            ledger = self.house.at(tx).ledger
            for kind, data in facts:
                getattr(ledger, f"record_{kind}")({"learner": learner, "class_run": RUN, **data})

    def watch(
        self,
        learner: LearnerRef,
        session: str,
        unit: str,
        start: datetime,
        seconds: int,
        *,
        media_ms: int = 0,
        hidden: tuple[int, int] = (0, 0),
    ) -> None:
        """Study evenly, a beat every ten seconds; from `hidden` second to second the page is out of sight."""
        first = epoch_ms(start)
        ends = [*range(0, seconds * 1000, BEAT_MS), seconds * 1000]
        batches = tuple(
            Batch(
                seq=number,
                received_ms=first + at,
                previous_received_ms=None if number == 1 else first + ends[number - 2],
                beats=(
                    Beat(first + at, media_ms + at, int(not hidden[0] <= at // 1000 < hidden[1]), 0, 1000),
                ),
            )
            for number, at in enumerate(ends, 1)
        )
        source = _Recorded(SessionFacts(learner, RUN, CourseUnitId(unit), "study"), batches)
        with self.house.uow.for_institution(ORG) as tx:
            stations = self.house.at(tx)
            LedgerService(
                SqlLedgerStore(tx, self.house.ledger_marks),
                stations.profile_for,
                stations.registry,
                source,
                tx,
                self.house.study_clock,
                SqlSnapshotStore(tx, self.house.ledger_marks),
            ).record_beats(StudySessionId(session))

    def check(
        self,
        learner: LearnerRef,
        session: str,
        at: datetime,
        outcome: str = "passed",
        due: datetime | None = None,
    ) -> None:
        """Record how a check ended."""
        data = {
            "check": f"chk_{session}_{epoch_ms(at)}",
            "kind": "random",
            "session": session,
            "due_ms": epoch_ms(due or at),
            "at_ms": epoch_ms(at),
            "outcome": outcome,
            "reason": "",
        }
        self.record(learner, [("check", data)])

    def capture(self, learner: LearnerRef, *, anchored_at: datetime | None) -> None:
        """Keep a face reference; its templates are ids of nothing, since no page opens them."""
        reference = FaceReference(
            learner=learner,
            class_run=RUN,
            model_id=self.house.recogniser.id,
            model_sha256=self.house.recogniser.sha256,
            templates=("ev_1", "ev_2"),
            chosen="ev_1",
            anchored_ms=None if anchored_at is None else epoch_ms(anchored_at),
            has_roster_photo=True,
        )
        with self.house.uow.for_institution(ORG) as tx:
            self.house.at(tx).presence_store.save_reference(reference)

    def finish_course(self, learner: LearnerRef) -> None:
        """Let the learner study both units with checks, sit an offline lesson and pass the test."""
        begin = NOW - timedelta(hours=3)
        self.capture(learner, anchored_at=begin)
        self.record(learner, [("anchor", {"at_ms": epoch_ms(begin), "method": "id_photo", "good_frames": 3})])
        for number, unit in enumerate(("unit_electric", "unit_fire")):
            start = begin + timedelta(minutes=60 * number)
            session = f"ses_{unit}_{learner}"[:40]
            self.watch(learner, session, unit, start, 3000, hidden=(1200, 1320) if number == 0 else (0, 0))
            for minute in range(0, 51, 5):
                self.check(learner, session, start + timedelta(minutes=minute))
        self.work_off()

    def papers(self, learner: LearnerRef) -> Sequence[IssuedPaper]:
        """Return the learner's papers."""
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return self.house.at(tx).completion_store.papers(learner, RUN)

    def pass_test(self, learner: LearnerRef) -> None:
        """Keep an accepted test, as completion does once a score with presence evidence came."""
        score = TestScore(
            learner=learner,
            class_run=RUN,
            unit="test_final",
            attempt="1",
            score="88",
            maximum="100",
            started_real="2026-11-24T03:30:00Z",
            finished_real="2026-11-24T03:45:00Z",
            message=f"msg_{sha256_hex(learner.encode())[:16]}",
        )
        with self.house.uow.for_institution(ORG) as tx:
            stations = self.house.at(tx)
            seen = TestEvidence(True, 2, 0, 900_000, 900_000)
            stations.completion_store.add_test_decision(score, seen, True, [], self.clock.now())
            stations.completion.assess(learner, RUN)
        self.work_off()


@dataclass(frozen=True)
class _Recorded:
    """`BeatSource` over batches that the test made."""

    facts: SessionFacts
    batches: tuple[Batch, ...]

    def session_facts(self, session: StudySessionId) -> SessionFacts:
        return self.facts

    def waiting(self, session: StudySessionId, after_seq: int) -> Sequence[Batch]:
        return [batch for batch in self.batches if batch.seq > after_seq][:500]

    readable = waiting


def furnish(
    folder: Path,
    *,
    assets: Path | None = None,
    with_fonts: bool = False,
    public_url: str = "",
    port: int = 8080,
    second_factor: str = "",
) -> Furnished:
    """Return the house in `folder`.

    Args:
        assets: a folder to serve instead of stand-ins.
        with_fonts: print with the real fonts, which set-up has fetched.
    """
    var = folder / "var"
    if assets is None:
        for name, content in ASSETS.items():
            (var / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
            (var / "assets" / name).write_bytes(content)
        if with_fonts:
            shutil.rmtree(var / "assets" / "fonts")
            (var / "assets" / "fonts").symlink_to(ROOT / "var" / "assets" / "fonts")
    else:
        var.mkdir(parents=True)
        (var / "assets").symlink_to(assets)
    data, rules = _loaded()
    shutil.copytree(data, var / "bridge")
    clock = FixedClock(NOW)
    house = House(
        Settings(
            mode=Mode.DEMONSTRATION, var=var, public_url=public_url, port=port, second_factor=second_factor
        ),
        clock=clock,
    )
    house.__dict__["rules"] = rules  # its cached property: read once for all houses
    app = create_app(house.settings, house)
    app.testing = True
    return Furnished(house, app, clock)


@cache
def _loaded() -> tuple[Path, RuleBook]:
    """Return a data folder with both catalogues loaded and every password set, made once for the process."""
    folder = Path(mkdtemp(prefix="furnished-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = Settings(mode=Mode.DEMONSTRATION, var=folder / "var")
    settings.data_dir.mkdir(parents=True)
    house = House(settings, clock=FixedClock(NOW))
    make_tables(house.engine)
    photographs = {"learner": JPEG, "second_learner": JPEG}.__getitem__
    for catalogue, lms in ((ROOT / "config" / "demo", LMS), (_other_city(folder), "http://127.0.0.1:8124")):
        variables = {"lms_url": lms, "webhook_secret": "w" * 40}
        loaded = load_catalogue(house, catalogue, variables, photographs)
        for invitation in loaded["invitations"]:
            with house.uow.across_institutions("test: accept an invitation") as tx:
                house.at(tx).staff.accept(invitation["url"].rpartition("/")[2], PASSWORD)
    house.close()
    return settings.data_dir, house.rules


def _other_city(folder: Path) -> Path:
    """Return the demonstration's catalogue made over into another institution's, in Shenzhen."""
    made = folder / "catalogue"
    shutil.copytree(ROOT / "config" / "demo", made)
    for path in made.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for old, new in (
            ("_demo", "_sz"),
            ("440100", "440300"),
            ("示例安全培训中心", "鹏城示例培训学校"),
            ("52440199MJK000001Y", "52440199MJK0000022"),
            ("staff-lin", "staff-ping"),
            ("staff-zhou", "staff-qiao"),
        ):
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
    (made / "officials.yaml").write_text("officials: []\n", encoding="utf-8")
    return made


def token(client: FlaskClient, path: str = "/sign-in") -> str:
    """Return a CSRF token of the client's session, read from a page's form."""
    page = client.get(path).text
    start = page.index('name="csrf_token" value="') + len('name="csrf_token" value="')
    return page[start : page.index('"', start)]
