"""The runner: prepare outside, effects and end in one transaction, every failure in its own place."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bridge.db.engine import open_engine
from bridge.db.outbox import LEASE, EventRow, Job, JobRow
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput, NotPermitted, Unavailable
from bridge.kernel.ids import InstitutionId, JobId
from bridge.kernel.time import FixedClock
from bridge.worker.runner import Runner, Work
from tests.db.rooms import NOW, ORG
from tests.servers.tables import make_tables


class Shop:
    """A runner with one kind of work, whose parts a test replaces."""

    def __init__(self, database_url: str) -> None:
        self.engine = open_engine(database_url)
        make_tables(self.engine)
        self.clock = FixedClock(NOW)
        self.uow = UnitOfWork(self.engine, self.clock)
        self.prepared: list[Job] = []

    def runner(self, **work: Any) -> Runner:
        return Runner(self.uow, self.clock, {"made": Work(**{"apply": self.effect, **work})})

    def effect(self, tx: Tx, job: Job, prepared: object) -> None:
        tx.emit("made.effect", str(prepared), occurred_at=NOW, idempotency_key=f"{job.key}:{job.taken}")

    def ask(self, kind: str = "made") -> JobId:
        with self.uow.for_institution(ORG) as tx:
            tx.want(kind, "k")
            return JobId(tx.session.scalars(select(JobRow.id).where(JobRow.kind == kind)).one())

    def job(self, job_id: JobId) -> JobRow:
        with self.uow.across_institutions("look at a test's job") as tx:
            return tx.session.get_one(JobRow, job_id)

    def effects(self) -> list[tuple[str, str]]:
        with self.uow.across_institutions("look at a test's effects") as tx:
            rows = tx.session.scalars(select(EventRow).where(EventRow.type == "made.effect"))
            return [(row.institution_id, row.subject) for row in rows]


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    built = Shop(database_url)
    yield built
    built.engine.dispose()


def test_effects_and_the_jobs_end_are_one(shop: Shop) -> None:
    job = shop.ask()
    assert shop.runner(prepare=lambda job: f"prepared {job.key}").run(job) is False
    assert shop.effects() == [(ORG, "prepared k")]
    assert shop.job(job).state == "done"


def test_a_second_nudge_does_nothing(shop: Shop) -> None:
    job = shop.ask()
    for _ in range(3):
        assert shop.runner().run(job) is False
    assert len(shop.effects()) == 1


def test_a_nudge_to_a_job_that_is_not_there_does_nothing(shop: Shop) -> None:
    assert shop.runner().run(JobId("job_unknown")) is False


def test_preparing_holds_no_transaction(shop: Shop) -> None:
    job = shop.ask()
    others: list[str] = []

    def prepare(_job: Job) -> None:
        # On SQLite a transaction held here would keep this writer out.
        with shop.uow.for_institution(InstitutionId("org_b")) as tx:
            tx.want("another", "k")
        others.append("wrote")

    shop.runner(prepare=prepare).run(job)
    assert others == ["wrote"]
    assert shop.job(job).state == "done"


def test_asked_again_meanwhile_it_wants_to_run_at_once(shop: Shop) -> None:
    job = shop.ask()
    asked: list[int] = []

    def prepare(_job: Job) -> None:
        if not asked:
            asked.append(1)
            shop.ask()

    runner = shop.runner(prepare=prepare)
    assert [runner.run(job), runner.run(job), runner.run(job)] == [True, False, False]
    assert len(shop.effects()) == 2


def test_half_an_effect_is_none(shop: Shop) -> None:
    job = shop.ask()

    def apply(tx: Tx, one: Job, prepared: object) -> None:
        shop.effect(tx, one, prepared)
        raise InvalidInput("made_refusal", "不行")

    shop.runner(apply=apply).run(job)
    assert shop.effects() == []
    assert (shop.job(job).state, shop.job(job).last_error) == ("dead", "made_refusal")


@pytest.mark.parametrize(
    ("error", "state", "kept"),
    [
        (InvalidInput("wrong", "不行"), "dead", "wrong"),
        (NotPermitted("forbidden", "不行"), "dead", "forbidden"),
        (Unavailable("away", "稍后"), "open", "away"),
        (Unavailable("gone", "没有", permanent=True), "dead", "gone"),
        (ValueError("陈晓安 440199199003071219"), "open", "ValueError"),
    ],
    ids=["input", "permission", "away", "gone", "defect"],
)
@pytest.mark.parametrize("where", ["prepare", "apply"])
def test_a_failure_keeps_its_reason_and_its_chance(
    shop: Shop, where: str, error: Exception, state: str, kept: str
) -> None:
    job = shop.ask()

    def fails(*_: object) -> None:
        raise error

    with capture_logs() as logs:
        assert shop.runner(**{where: fails}).run(job) is False
    assert (shop.job(job).state, shop.job(job).last_error) == (state, kept)
    assert [log["reason"] for log in logs if log["event"] == "job_attempt_failed"] == [kept]
    assert shop.effects() == []


def test_a_defect_is_logged_by_its_place_and_never_by_what_it_says(shop: Shop) -> None:
    job = shop.ask()

    def fails(_job: Job) -> None:
        raise ValueError("440199199003071219")

    with capture_logs() as logs:
        shop.runner(prepare=fails).run(job)
    (defect,) = [log for log in logs if log["event"] == "job_defect"]
    assert defect["defect"] == "ValueError"
    assert defect["places"][-1].startswith("test_runner.py:fails:")
    assert "440199199003071219" not in repr(logs) + shop.job(job).last_error
    assert "exc_info" not in defect


def test_a_kind_that_nobody_knows_is_dead_and_says_so(shop: Shop) -> None:
    job = shop.ask("unheard-of")
    shop.runner().run(job)
    assert (shop.job(job).state, shop.job(job).last_error) == ("dead", "kind_unknown:unheard-of")


def test_a_worker_that_lost_its_lease_leaves_nothing(shop: Shop) -> None:
    job = shop.ask()

    def slow(_job: Job) -> None:
        shop.clock.at += LEASE
        assert shop.runner().run(job) is False

    assert shop.runner(prepare=slow).run(job) is False
    assert len(shop.effects()) == 1
    assert shop.job(job).state == "done"


def test_a_worker_that_was_killed_is_followed_by_another(shop: Shop) -> None:
    job = shop.ask()

    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        shop.runner(apply=dies).run(job)
    assert shop.runner().run(job) is False
    assert shop.effects() == []
    shop.clock.at += LEASE
    shop.runner().run(job)
    assert len(shop.effects()) == 1


def test_all_jobs_of_the_kinds_are_run_the_rest_is_left(shop: Shop) -> None:
    for key in ("a", "b", "c"):
        with shop.uow.for_institution(ORG) as tx:
            tx.want("made", key)
            shop.clock.advance(seconds=1)
    other = shop.ask("other")
    shop.runner().run_all({"made": LEASE})
    with shop.uow.across_institutions("look at a test's jobs") as tx:
        states = dict(tx.session.execute(select(JobRow.key, JobRow.state).where(JobRow.kind == "made")).all())
    assert states == {"a": "done", "b": "done", "c": "done"}
    assert shop.job(other).state == "open"


def test_a_job_that_is_asked_for_again_while_it_runs_is_run_again(shop: Shop) -> None:
    shop.ask()
    runs: list[int] = []

    def again(job: Job) -> None:
        runs.append(job.taken)
        if len(runs) == 1:
            shop.ask()

    shop.runner(prepare=again).run_all({"made": LEASE})
    assert runs == [1, 2]


def test_what_a_dead_worker_had_in_hand_is_run_once_its_own_lease_is_over(shop: Shop) -> None:
    job = shop.ask()
    seconds = 5
    short = timedelta(seconds=seconds)
    assert short < LEASE

    def killed(_job: Job) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        shop.runner(prepare=killed).run_all({"made": short})
    shop.runner().run_all({"made": short})
    assert shop.job(job).state == "leased"
    shop.clock.advance(seconds=seconds)
    shop.runner().run_all({"made": short})
    assert (shop.job(job).state, len(shop.effects())) == ("done", 1)
