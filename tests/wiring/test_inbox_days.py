"""Old days of raw batches: what goes, what keeps them, how they come back, and the proof of what is gone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bridge.commands.intake import intake
from bridge.intake import days
from bridge.intake.model import ChainHead
from bridge.intake.retention import KeepRule, Step, steps_taken
from bridge.intake.store import SqlInbox
from bridge.kernel.canonical import GENESIS, sha256_hex
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, first_id
from bridge.kernel.time import FixedClock, SystemClock, epoch_ms, legal_date
from bridge.presence.tables import StudySessionRow
from bridge.settings import Mode, Settings
from bridge.wiring import House
from bridge.wiring.inbox_days import SCHEDULE, audit_dropped, keep_rule, restore, retain, sweep_inbox_days
from tests.servers.tables import migrate

ORG, OTHER_ORG = InstitutionId("org_a"), InstitutionId("org_b")
NOW = SystemClock().now()
OLD = legal_date(NOW) - timedelta(days=401)
YOUNG = legal_date(NOW) - timedelta(days=400)


@dataclass
class Archive:
    """A bridge with sessions of long ago."""

    house: House
    clock: FixedClock

    def execute(self, statement: str, **values: Any) -> Any:
        with self.house.engine.begin() as connection:
            return connection.execute(text(statement), values)

    def count(self, where: str = "1 = 1") -> int:
        found: int = self.execute(f"SELECT count(*) FROM inbox_message WHERE {where}").scalar_one()  # noqa: S608
        return found

    def day(self, day: date) -> None:
        """Make the table of a day gone by, as its own time would have."""
        if self.house.engine.dialect.name == "postgresql":
            with self.house.engine.begin() as connection:
                for statement in days.day_ddl(day):
                    connection.exec_driver_sql(statement)

    def session(
        self, day: date, number: int, batches: int = 3, *, entered: bool = True, **changes: Any
    ) -> str:
        """Let a session of `day` have sent batches; return its id."""
        began = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
        chain = first_id("ss", epoch_ms(began))[:-2] + f"{number:02d}"
        org = OTHER_ORG if number % 2 else ORG
        head = ChainHead(0, GENESIS)
        with self.house.uow.for_institution(org) as tx:
            for seq in range(1, batches + 1):
                record = SqlInbox(tx).append(
                    chain=chain,
                    source=days.AGENT,
                    received_at=changes.get("received_at", began),
                    original_sha256=sha256_hex(b"body"),
                    verification="session secret, nonce chain",
                    idempotency_key=f"{chain}:{seq}",
                    payload="{}",
                    head=head,
                )
                assert record is not None
                head = ChainHead(record.seq, record.hash)
                if entered:
                    tx.session.execute(text(_ENTRY), {"id": f"led_{number}_{seq}", "chain": chain, "seq": seq,
                                                      "org": org})  # fmt: skip
            told = {
                "id": chain,
                "institution_id": org,
                "activity": "study",
                "open": changes.get("open", False),
            }
            told |= {"chain_seq": head.seq, "chain_hash": head.hash, "token_id": chain}
            tx.session.add(StudySessionRow(**_empty(StudySessionRow), **told))
        return chain

    def steps(self) -> list[Step]:
        with self.house.uow.across_institutions("look", read_only=True) as tx:
            return [one.step for one in steps_taken(tx.session)]


def _empty(row: Any) -> dict[str, Any]:
    """Return nothing for each column that must have something; what a session is told of later is no matter here."""
    told = ("id", "institution_id", "activity", "open", "chain_seq", "chain_hash", "token_id")
    needed = [one for one in row.__table__.columns if not one.nullable and one.name not in told]
    return {one.name: one.type.python_type() for one in needed}


_ENTRY = (
    "INSERT INTO ledger_entry (id, institution_id, learner_ref, class_run_id, seq, prev, hash, kind, natural_key,"
    " session_id, batch_seq, body) VALUES (:id, :org, :chain, 'run', :seq, '', '', 'beats', :id, :chain, :seq, '{}')"
)


@pytest.fixture
def archive(database_url: str, tmp_path: Path) -> Iterator[Archive]:
    clock = FixedClock(NOW)
    settings = Settings(mode=Mode.DEMONSTRATION, var=tmp_path, database_url=database_url)
    settings.data_dir.mkdir(parents=True)
    house = House(settings, clock=clock)
    migrate(house.engine)
    made = Archive(house, clock)
    made.day(OLD)
    made.day(YOUNG)
    yield made
    house.close()


def reasons(archive: Archive, **how: Any) -> list[str]:
    (outcome,) = [one for one in retain(archive.house, by="op", **how) if one.day == OLD]
    assert outcome.done is None
    return [one.reason for one in outcome.objections]


def test_the_rule_is_the_packs_and_says_so(archive: Archive) -> None:
    rule = keep_rule(archive.house, legal_date(NOW))
    assert (rule.keep_days, rule.undo_days) == (400, 7)
    assert "retention.raw_beats_days=400 anxue-practice@" in rule.said
    assert "(practice)" in rule.said


def test_a_day_is_due_once_its_last_moment_is_old_enough() -> None:
    rule, today = KeepRule(10, 7, ""), date(2026, 11, 28)
    assert not rule.is_due(date(2026, 11, 18), today)
    assert rule.is_due(date(2026, 11, 17), today)


def test_a_day_goes_in_two_phases_and_what_is_younger_stays(archive: Archive) -> None:
    archive.session(OLD, 1)
    archive.session(OLD, 2, batches=1)
    young = archive.session(YOUNG, 3)

    (detached,) = retain(archive.house, by="op")
    assert (detached.day, detached.done) == (OLD, Step.DETACHED)
    assert (detached.content.batches, detached.content.chains) == (4, 2)
    archive.clock.advance(days=6)
    assert [one.day for one in retain(archive.house, by="op") if one.day == OLD] == []

    archive.clock.advance(days=1)
    archive.execute("UPDATE study_session SET open = false")
    done = {one.day: one.done for one in retain(archive.house, by="op")}
    assert done[OLD] is Step.DROPPED
    assert archive.count(f"chain < '{young}'") == 0
    assert archive.steps()[:1] == [Step.DETACHED]
    assert Step.DROPPED in archive.steps()
    assert OLD not in {one.day for one in retain(archive.house, by="op")}


def test_a_dry_run_says_the_same_and_changes_nothing(archive: Archive) -> None:
    archive.session(OLD, 1, open=True)
    (said,) = retain(archive.house, by="op", dry_run=True)
    assert said.done is Step.DETACHED
    assert archive.steps() == []
    assert archive.execute("SELECT open FROM study_session").scalar_one()
    (done,) = retain(archive.house, by="op")
    assert (done.done, done.content) == (said.done, said.content)


def test_a_batch_that_the_ledger_lacks_keeps_its_day(archive: Archive) -> None:
    archive.session(OLD, 1)
    chain = archive.session(OLD, 2, entered=False)
    assert reasons(archive) == ["not_in_ledger"]
    assert reasons(archive, dry_run=True) == ["not_in_ledger"]
    assert archive.count() == 6
    for seq in (1, 2, 3):
        archive.execute(_ENTRY, id=f"late_{seq}", chain=chain, seq=seq, org=ORG)
    assert retain(archive.house, by="op")[0].done is Step.DETACHED


def quarantined(archive: Archive, chain: str, state: str) -> None:
    archive.execute(
        "INSERT INTO intake_quarantine (id, institution_id, kind, natural_key, source, chain, seq, reason, attempts,"
        " state, set_aside_at, tried_at) VALUES ('q', 'org_a', 'stored', 'n', 'agent', :chain, 3, 'r', 0, :state,"
        " '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00')",
        chain=chain,
        state=state,
    )


def test_a_batch_in_quarantine_keeps_its_day_until_somebody_discards_it(archive: Archive) -> None:
    chain = archive.session(OLD, 2, entered=False)
    for seq in (1, 2):
        archive.execute(_ENTRY, id=f"e_{seq}", chain=chain, seq=seq, org=ORG)
    quarantined(archive, chain, "waiting")
    assert reasons(archive) == ["not_in_ledger", "in_quarantine"]
    archive.execute("UPDATE intake_quarantine SET state = 'discarded'")
    assert retain(archive.house, by="op")[0].done is Step.DETACHED


def test_a_batch_that_came_late_to_an_old_session_keeps_its_day(archive: Archive) -> None:
    archive.session(OLD, 1, received_at=NOW - timedelta(days=399))
    assert reasons(archive) == ["received_lately"]


def test_a_chain_that_lost_a_link_keeps_its_day(archive: Archive) -> None:
    chain = archive.session(OLD, 1)
    by_days = archive.house.engine.dialect.name == "postgresql"
    off = (
        f"ALTER TABLE {days.partition(OLD)} DISABLE TRIGGER ALL"
        if by_days
        else "DROP TRIGGER inbox_message_no_delete"
    )
    archive.execute(off)
    archive.execute("DELETE FROM inbox_message WHERE chain = :chain AND seq = 2", chain=chain)
    assert reasons(archive) == ["chain_broken"]


def test_a_session_that_was_left_open_is_closed_before_its_day_goes(archive: Archive) -> None:
    archive.session(OLD, 2, open=True)
    assert retain(archive.house, by="op")[0].done is Step.DETACHED
    row = archive.execute("SELECT open, closed_reason FROM study_session").one()
    assert (bool(row.open), row.closed_reason) == (False, "expired")


def test_a_day_comes_back_and_then_stays_until_it_is_named(archive: Archive) -> None:
    chain = archive.session(OLD, 2)
    retain(archive.house, by="op")
    restore(archive.house, OLD, by="op")
    with archive.house.uow.for_institution(ORG) as tx:
        assert [one.seq for one in SqlInbox(tx).after(chain, 0, 9)] == [1, 2, 3]
    with pytest.raises(DBAPIError, match="append-only"):
        archive.execute("UPDATE inbox_message SET payload = ''")
    assert retain(archive.house, by="op") == []
    assert retain(archive.house, by="op", day=OLD)[0].done is Step.DETACHED
    assert archive.steps() == [Step.DETACHED, Step.RESTORED, Step.DETACHED]


def test_what_was_dropped_does_not_come_back(archive: Archive) -> None:
    archive.session(OLD, 2)
    retain(archive.house, by="op")
    archive.clock.advance(days=7)
    retain(archive.house, by="op")
    with pytest.raises(InvalidInput) as refused:
        restore(archive.house, OLD, by="op")
    assert refused.value.reason == "day_not_detached"


def test_a_day_within_its_time_is_refused_by_name(archive: Archive) -> None:
    archive.session(YOUNG, 2)
    with pytest.raises(InvalidInput) as refused:
        retain(archive.house, by="op", day=YOUNG)
    assert refused.value.reason == "day_not_due"
    with pytest.raises(InvalidInput) as unknown:
        retain(archive.house, by="op", day=OLD - timedelta(days=9))
    assert unknown.value.reason == "day_unknown"


def test_a_detached_table_is_still_append_only(archive: Archive) -> None:
    archive.session(OLD, 2)
    retain(archive.house, by="op")
    table = days.partition(OLD) if archive.house.engine.dialect.name == "postgresql" else "inbox_message"
    for change in (f"UPDATE {table} SET payload = ''", f"DELETE FROM {table}"):  # noqa: S608
        with pytest.raises(DBAPIError, match="append-only"):
            archive.execute(change)


def test_a_detached_day_that_was_changed_is_not_dropped(archive: Archive) -> None:
    archive.session(OLD, 2)
    retain(archive.house, by="op")
    by_days = archive.house.engine.dialect.name == "postgresql"
    table = days.partition(OLD) if by_days else "inbox_message"
    archive.execute(
        f"ALTER TABLE {table} DISABLE TRIGGER ALL" if by_days else "DROP TRIGGER inbox_message_no_update"
    )
    archive.execute(f"UPDATE {table} SET hash = 'x' WHERE seq = 3")  # noqa: S608
    archive.clock.advance(days=7)
    assert reasons(archive) == ["content_changed"]


def test_the_sessions_prove_what_was_dropped(archive: Archive) -> None:
    archive.session(OLD, 2)
    archive.session(OLD, 3)
    retain(archive.house, by="op")
    archive.clock.advance(days=7)
    retain(archive.house, by="op")
    assert [good for _, good in audit_dropped(archive.house)] == [True]
    archive.execute("UPDATE study_session SET chain_seq = chain_seq - 1 WHERE institution_id = 'org_b'")
    assert [good for _, good in audit_dropped(archive.house)] == [False]


def test_claims_of_platforms_never_go(archive: Archive) -> None:
    archive.session(OLD, 2)
    with archive.house.uow.for_institution(ORG) as tx:
        SqlInbox(tx).append(
            chain="org_a:webhook", source="webhook:reg", received_at=NOW - timedelta(days=3000),
            original_sha256="", verification="", idempotency_key="k", payload="{}",
        )  # fmt: skip
    retain(archive.house, by="op")
    archive.clock.advance(days=7)
    retain(archive.house, by="op")
    assert archive.count() == archive.count("source = 'webhook:reg'") == 1


def test_the_record_cannot_be_changed(archive: Archive) -> None:
    archive.session(OLD, 2)
    retain(archive.house, by="op")
    for change in ("UPDATE inbox_retention SET step = 'dropped'", "DELETE FROM inbox_retention"):
        with pytest.raises(DBAPIError, match="append-only"):
            archive.execute(change)


def test_the_schedule_makes_days_each_hour_and_retains_once_a_day(archive: Archive) -> None:
    archive.session(OLD, 2)
    sweep_inbox_days(archive.house)
    assert archive.steps() == [Step.DETACHED]
    assert archive.execute('SELECT "by" FROM inbox_retention').scalar_one() == SCHEDULE
    archive.session(YOUNG, 4)
    archive.clock.advance(days=1)
    sweep_inbox_days(archive.house)
    assert archive.steps() == [Step.DETACHED, Step.DETACHED]
    if archive.house.engine.dialect.name == "postgresql":
        newest = days.partition(legal_date(archive.clock.now()) + timedelta(days=days.DAYS_AHEAD))
        assert archive.execute("SELECT to_regclass(:name)", name=newest).scalar_one() is not None


def test_the_command_says_what_it_did_and_checks_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.session(OLD, 2)
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(archive.house.settings.var))
    monkeypatch.setenv("ANXUE_DATABASE_URL", archive.house.settings.database_url)
    run = CliRunner().invoke

    dry = json.loads(run(intake, ["retention", "--dry-run", "--json"]).output)
    assert (dry["dry_run"], dry["days"][0]["step"], dry["days"][0]["batches"]) == (True, "detached", 3)
    assert "撤回" in run(intake, ["retention"]).output
    assert "撤回移出" in run(intake, ["retention", "--undo", OLD.isoformat()]).output
    assert json.loads(run(intake, ["retention", "--day", OLD.isoformat(), "--json"]).output)["days"]
    checked = run(intake, ["retention", "--check", "--json"])
    assert json.loads(checked.output) == {"days": [], "ok": True}


def test_the_check_fails_where_a_proof_does(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.session(OLD, 2)
    retain(archive.house, by="op")
    archive.clock.advance(days=7)
    retain(archive.house, by="op")
    archive.execute("UPDATE study_session SET chain_hash = 'x'")
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(archive.house.settings.var))
    monkeypatch.setenv("ANXUE_DATABASE_URL", archive.house.settings.database_url)
    checked = CliRunner().invoke(intake, ["retention", "--check"])
    assert checked.exit_code == 1
    assert "不符" in checked.output
