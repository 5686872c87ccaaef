from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bridge.completion.model import DEMONSTRATION, REHEARSAL, PaperKind
from bridge.completion.number_tables import SqlPaperNumbers
from bridge.completion.service import CompletionService
from bridge.completion.store import SqlCompletionStore
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import FixedClock
from bridge.rules.loader import load_rule_book
from tests.completion.papers import (
    CITIZEN_ID,
    EARNED,
    GOOD_EVIDENCE,
    INSTITUTION,
    LEARNER,
    NAME,
    NOW,
    ONLINE_ONLY,
    RUN,
    Hours,
    Identities,
    PlainPrinter,
    Presence,
    Sheets,
    Someone,
    Standings,
    Told,
    score,
)
from tests.completion.sealed import PlainSealer
from tests.contracts.memory_evidence import MemoryEvidence
from tests.servers.tables import make_tables

RULES = load_rule_book()
BOTH = (PaperKind.HOUR_CERTIFICATE, PaperKind.COMPLETION_STATEMENT)


@dataclass
class House:
    """Completion on a real SQLite file, everything around it made up."""

    uow: UnitOfWork
    hours: Hours = field(default_factory=Hours)
    presence: Presence = field(default_factory=Presence)
    standings: Standings = field(default_factory=Standings)
    identities: Identities = field(default_factory=Identities)
    told: Told = field(default_factory=Told)
    evidence: MemoryEvidence = field(default_factory=MemoryEvidence)
    trial_authority: str = ""

    @contextmanager
    def open(self) -> Iterator[CompletionService]:
        with self.uow.for_institution(INSTITUTION) as tx:
            yield self.service(tx)

    def service(self, tx: Tx) -> CompletionService:
        return CompletionService(
            SqlCompletionStore(tx),
            sheets=Sheets(),
            standings=self.standings,
            hours=self.hours,
            presence=self.presence,
            rules=RULES,
            identity=self.identities,
            evidence=self.evidence,
            printer=PlainPrinter(),
            sealer=PlainSealer(self.trial_authority),
            events=self.told,
            clock=FixedClock(NOW),
            study_clock=FixedClock(NOW),
            public_url="https://bridge.example.cn/",
            numbers=SqlPaperNumbers(tx),
        )


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    engine = open_engine(database_url)
    make_tables(engine)
    yield House(UnitOfWork(engine, FixedClock(NOW)))
    engine.dispose()


def test_an_attempt_is_decided_once_however_often_it_is_sent(house: House) -> None:
    for message in ("m1", "m1", "m2"):
        with house.open() as completion:
            assert completion.decide_test(score(message=message)).value
    assert house.told.types() == ["completion.test_decided"]
    assert house.told.events[0][2]["decision"] == "accepted"


def test_another_score_for_a_decided_attempt_changes_nothing(house: House) -> None:
    with house.open() as completion:
        completion.decide_test(score("88"))
    for _ in range(2):
        with house.open() as completion:
            again = completion.decide_test(score("100", message="m2"))
            assert (again.value, [reason.code for reason in again.reasons]) == (True, ["score_changed"])
    with house.open() as completion:
        assert not completion.decide_test(score("88.0", message="m3")).reasons
    (told,) = [data for type_, _subject, data in house.told.events if type_ == "completion.score_refused"]
    assert (told["decided"], told["refused"], told["message"]) == ("88/100", "100/100", "m2")
    assert told["reason"] == "score_changed"


def test_a_better_score_after_a_refused_one_changes_nothing_either(house: House) -> None:
    with house.open() as completion:
        assert not completion.decide_test(score("10")).value
        assert not completion.decide_test(score("100", message="m2")).value
    assert house.told.types() == ["completion.test_decided", "completion.score_refused"]


def test_a_refused_test_makes_nothing_due(house: House) -> None:
    house.presence.value = replace(GOOD_EVIDENCE, start_passed=False)
    with house.open() as completion:
        assert not completion.decide_test(score()).value
        due = completion.assess(LEARNER, RUN)
    assert due.papers == ()
    assert [reason.code for reason in due.missing] == ["test_missing"]


def test_the_hour_certificate_is_due_before_the_offline_part_and_the_statement_after(house: House) -> None:
    house.hours.value = ONLINE_ONLY
    with house.open() as completion:
        completion.decide_test(score())
        assert completion.assess(LEARNER, RUN).papers == BOTH[:1]
        house.hours.value = EARNED
        assert completion.assess(LEARNER, RUN).papers == BOTH
        completion.assess(LEARNER, RUN)
    due = [data["kind"] for type_, _subject, data in house.told.events if type_ == "completion.due"]
    assert due == ["hour_certificate", "completion_statement"]


@pytest.mark.parametrize("lack", ["anchored", "online_done"])
def test_nothing_is_due_without_an_anchored_person_and_the_online_hours(house: House, lack: str) -> None:
    house.hours.value = replace(EARNED, **{lack: False})  # type: ignore[arg-type]
    with house.open() as completion:
        completion.decide_test(score())
        assert completion.assess(LEARNER, RUN).papers == ()
        assert completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value is None
    assert house.told.types() == ["completion.test_decided"]


def test_offline_hours_without_the_shares_make_no_statement(house: House) -> None:
    house.hours.value = replace(EARNED, shares_allowed=False)
    with house.open() as completion:
        completion.decide_test(score())
        assert completion.assess(LEARNER, RUN).papers == BOTH[:1]
        assert completion.issue(LEARNER, RUN, PaperKind.COMPLETION_STATEMENT).value is None


def test_no_paper_is_made_of_a_snapshot(house: House) -> None:
    with house.open() as completion:
        completion.decide_test(score())
        house.hours.value = replace(EARNED, whole=False)
        with pytest.raises(RuntimeError, match="whole ledger"):
            completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE)


def test_a_paper_is_issued_once_and_its_row_names_nobody(house: House) -> None:
    with house.open() as completion:
        completion.decide_test(score())
        first = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
    with house.open() as completion:
        again = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
        assert first is not None
        assert again == first
        pdf = completion.pdf(first)
    assert sha256_hex(pdf) == first.sha256
    assert NAME in pdf.decode()
    assert CITIZEN_ID not in pdf.decode()
    assert NAME not in repr(first)
    assert house.told.types().count("certificate.issued") == 1
    assert house.identities.log == [(LEARNER, "issue_hour_certificate", "示例培训中心", "completion")]
    if house.uow.engine.dialect.name == "sqlite":
        folder = Path(str(house.uow.engine.url.database)).parent
        raw = b"".join(path.read_bytes() for path in folder.iterdir())
        assert first.number.encode() in raw
        assert NAME.encode() not in raw
        assert CITIZEN_ID.encode() not in raw


@pytest.mark.parametrize(
    ("change", "mark"),
    [
        ({}, None),
        ({"demonstration": True}, DEMONSTRATION),
        ({"provincially_connected": False}, REHEARSAL),
        ({"registered": False}, REHEARSAL),
        ({"trial_seals": True}, REHEARSAL),
    ],
)
def test_a_paper_that_proves_nothing_says_so(house: House, change: dict[str, bool], mark: str | None) -> None:
    house.standings.value = replace(house.standings.value, **change)  # type: ignore[arg-type]
    with house.open() as completion:
        completion.decide_test(score())
        paper = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
    assert paper is not None
    assert paper.mark == mark
    assert paper.printed["mark"] == (mark or "")


@pytest.mark.parametrize(("trial", "said"), [("", "改动文件后签章失效"), ("示例测试CA", "没有法律效力")])
def test_a_paper_says_who_seals_it_and_whether_that_is_a_test(house: House, trial: str, said: str) -> None:
    house.trial_authority = trial
    with house.open() as completion:
        completion.decide_test(score())
        paper = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
        assert paper is not None
        assert completion.pdf(paper).endswith("\n示例培训中心|示例平台".encode())
    (note,) = [one for one in paper.printed["notes"] if one.startswith("电子签章")]
    assert "示例培训中心与示例平台" in note
    assert said in note
    assert trial in note


def test_a_paper_calls_a_passports_number_what_it_is(house: House) -> None:
    house.identities.person = Someone(citizen_id="E12345678")
    with house.open() as completion:
        completion.decide_test(score())
        paper = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
    assert paper is not None
    assert "证件号码(护照)" in [label for _code, label, _value in paper.printed["fields"]]


def test_the_verify_page_shows_every_printed_field_with_name_and_id_masked(house: House) -> None:
    with house.open() as completion:
        completion.decide_test(score())
        paper = completion.issue(LEARNER, RUN, PaperKind.COMPLETION_STATEMENT).value
        assert paper is not None
        view = completion.public_view(paper.number.lower().replace("-", ""))
    assert view is not None
    assert [label for label, _value in view.fields] == [label for _c, label, _v in paper.printed["fields"]]
    shown = dict(view.fields)
    assert shown["姓名"] == "陈*安"
    assert shown["公民身份号码"] == "440***********1236"
    assert shown["理论学时合计"] == "4 学时"
    assert all(shown.values())
    assert view.sha256 == paper.sha256
    assert NAME not in repr(view)
    with house.open() as completion:
        assert completion.public_view("440100-2026-AAAAA-AAAAA-AAAAA-A") is None


def test_the_public_page_finds_the_issuer_of_a_number_without_a_tenant(house: House) -> None:
    with house.open() as completion:
        completion.decide_test(score())
        paper = completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value
    assert paper is not None
    with house.uow.across_institutions("verify page") as tx:
        assert SqlCompletionStore(tx).institution_of(paper.number) == INSTITUTION
        assert SqlCompletionStore(tx).institution_of("none") is None


def test_no_paper_rests_on_a_test_whose_face_is_nobodys_yet(house: House) -> None:
    tried = score()
    house.hours.value = replace(EARNED, unanchored_tests=frozenset({(tried.unit, tried.attempt)}))
    with house.open() as completion:
        completion.decide_test(tried)
        due = completion.assess(LEARNER, RUN)
        assert (due.papers, [reason.code for reason in due.missing]) == ((), ["test_not_anchored"])
        assert completion.issue(LEARNER, RUN, PaperKind.HOUR_CERTIFICATE).value is None
        house.hours.value = replace(EARNED, unanchored_tests=frozenset({(tried.unit, "another attempt")}))
        assert completion.assess(LEARNER, RUN).papers == BOTH
