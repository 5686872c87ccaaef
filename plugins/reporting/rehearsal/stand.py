"""A bridge on a fresh folder with made-up learners, whose records wait for the regulator."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.db.outbox import WantedJob
from bridge.db.schema import upgrade
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.kernel.time import rfc3339
from bridge.registry.tables import InstitutionRow
from bridge.reporting.model import Record, RecordKind
from bridge.settings import Mode, Settings
from bridge.wiring import House

INSTITUTION = InstitutionId("org_rehearsal")
USCC = "52440199MJK000001Y"
"""44 0199 is no division, so this code belongs to nobody."""
CITY = "440100"
CLASS_RUN = ClassRunId("run_rehearsal")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_FEED_RULES = """
basis: practice
door: {failures_until_open: 4, open_seconds: 1, longest_open_seconds: 2, pause_seconds: 1,
       longest_pause_seconds: 2, most_undelivered: 4}
reconcile_at: "00:00"
maintenance: []
"""
"""Short pauses: a rehearsal of an hour's trouble takes a minute."""


class QuietHouse(House):
    """A house whose jobs are run by who made it; nobody is nudged."""

    def nudge(self, waiting: Any) -> None:
        _: list[WantedJob] = list(waiting)


@dataclass
class Stand:
    """The bridge under rehearsal."""

    house: House
    folder: Path
    learners: list[LearnerRef] = field(default_factory=list)

    def queue_class(self) -> int:
        """Queue the institution and the class run."""
        return self._queue([_institution(), class_run_record()])

    def queue_learners(self, count: int, sessions: int = 1) -> int:
        """Queue all records of `count` new learners, each with so many sessions; return how many records."""
        made: list[Record] = []
        with self.house.uow.for_institution(INSTITUTION) as tx:
            identity = SqlIdentityStore(tx, self.house.cipher)
            for _ in range(count):
                number = len(self.learners)
                learner = identity.add_learner(_name(number), citizen_id(number), self.house.clock.now())
                self.learners.append(learner)
                made += records_of(learner, sessions)
        return self._queue(made)

    def _queue(self, records: list[Record]) -> int:
        with self.house.uow.for_institution(INSTITUTION) as tx:
            return self.house.at(tx).reporting.queue(records, CITY)


@contextmanager
def open_stand(folder: Path, regulator_url: str, key: str, ca_file: Path | None = None) -> Iterator[Stand]:
    """Make the bridge in an empty folder; its learners are made up and its folder holds nothing else."""
    with open_again(folder, regulator_url, key, ca_file) as stand:
        house = stand.house
        upgrade(house.engine)
        with house.uow.for_institution(INSTITUTION) as tx:
            tx.session.add(
                InstitutionRow(
                    id=INSTITUTION,
                    institution_id=INSTITUTION,
                    uscc=USCC,
                    name="演练培训中心",
                    operator_name="演练平台",
                    provincial_connected=True,
                )
            )
        yield stand


@contextmanager
def open_again(folder: Path, regulator_url: str, key: str, ca_file: Path | None = None) -> Iterator[Stand]:
    """Open the bridge of a rehearsal that was made before."""
    house = QuietHouse.build(settings_of(folder, regulator_url, key, ca_file))
    try:
        yield Stand(house, folder)
    finally:
        house.close()


def settings_of(folder: Path, regulator_url: str, key: str, ca_file: Path | None = None) -> Settings:
    """Return the settings of a rehearsal's bridge; its rules stand in its folder."""
    config = folder / "config"
    if not config.exists():
        shutil.copytree(Settings().config, config)
        (config / "feeds" / "guangdong.yaml").write_text(_FEED_RULES, encoding="utf-8")
    return Settings(
        mode=Mode.DEMONSTRATION,
        data=folder / "bridge",
        config=config,
        database_url=f"sqlite:///{folder / 'bridge' / 'anxue.sqlite3'}",
        regulator_url=regulator_url,
        regulator_key=key,
        regulator_ca=ca_file,
        platform_code="rehearsal",
    )


def records_of(learner: LearnerRef, sessions: int) -> list[Record]:
    """Return what the regulator should hold of a learner, every kind of it."""
    start = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    whose = {"LearnerNumber": learner, "ClassRun": CLASS_RUN}
    suffix = f"{CLASS_RUN}.{learner}"

    def record(kind: RecordKind, number: str, values: Mapping[str, str]) -> Record:
        return Record(kind, number, 0, learner, CLASS_RUN, {**whose, **values})

    made = [record(RecordKind.LEARNER, suffix, {"EnrolledOn": "2026-11-02"})]
    for number in range(sessions):
        begun = start + timedelta(minutes=10 * number)
        session = f"ss_{learner}.{number}"
        made.append(
            record(
                RecordKind.STUDY_SESSION,
                session,
                {
                    "Unit": "u1",
                    "Activity": "study",
                    "PresenceMethod": "face",
                    "StartedAt": rfc3339(begun),
                    "EndedAt": rfc3339(begun + timedelta(minutes=9)),
                },
            )
        )
        made.append(
            record(
                RecordKind.CHECK,
                f"ck_{learner}.{number}",
                {
                    "Session": session,
                    "CheckKind": "entry",
                    "DueAt": rfc3339(begun),
                    "Outcome": "passed",
                    "ImageReference": f"fr_{learner}.{number}",
                    "ImageSha256": sha256_hex(f"{learner}.{number}".encode()),
                },
            )
        )
    made += [
        record(
            RecordKind.HOUR_SUMMARY,
            suffix,
            {
                "CreditedSeconds": "5400",
                "RefusedSeconds": "60",
                "OnlineClassHours": "2",
                "OfflineClassHours": "0",
                "LedgerHead": sha256_hex(learner.encode()),
            },
        ),
        record(
            RecordKind.TEST_RESULT,
            f"{suffix}.t1",
            {"Score": "86", "Maximum": "100", "FinishedAt": "2026-11-23T03:00:00.000Z", "ChecksPassed": "3"},
        ),
        record(
            RecordKind.CERTIFICATE,
            f"YL{sha256_hex(learner.encode())[:16].upper()}",
            {
                "Kind": "hour_certificate",
                "ClassHours": "2",
                "IssuedAt": "2026-11-23T03:00:01.000Z",
                "Sha256": sha256_hex(f"pdf {learner}".encode()),
                "Status": "valid",
                "Mark": "演示·无效",
            },
        ),
        record(
            RecordKind.EVALUATION,
            f"{suffix}.e1",
            {"Subject": "course", "Rating": "5", "RatedAt": "2026-11-23T03:10:00.000Z"},
        ),
    ]
    return made


def citizen_id(number: int) -> str:
    """Return a made-up number with the right check character; 440199 is no division."""
    year, place = divmod(number, 1000)
    body = f"440199{1990 - year}0101{place:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    return body + "10X98765432"[total % 11]


def _name(number: int) -> str:
    return "演练" + "甲乙丙丁戊己庚辛壬癸"[number % 10]


def _institution() -> Record:
    return Record(
        RecordKind.INSTITUTION,
        f"{USCC}.{CITY}",
        0,
        None,
        ClassRunId(""),
        {
            "Uscc": USCC,
            "InstitutionName": "演练培训中心",
            "OperatorName": "演练平台",
            "DivisionCode": CITY,
            "ProvinciallyConnected": "yes",
        },
    )


def class_run_record() -> Record:
    """Return the class run of every learner of a rehearsal."""
    return Record(
        RecordKind.CLASS_INFO,
        CLASS_RUN,
        0,
        None,
        CLASS_RUN,
        {
            "ClassRun": CLASS_RUN,
            "Title": "演练班次",
            "TrainingKind": "initial",
            "Category": "low_voltage_electrician",
            "DivisionCode": CITY,
            "OutlineTitle": "演练大纲",
            "TheoryClassHours": "4",
            "OpensOn": "2026-11-01",
            "ClosesOn": "2027-01-31",
            "RegisteredInCity": "yes",
        },
    )
