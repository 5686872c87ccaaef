"""Job rows: done once, by whoever holds the lease, again when asked again, and never lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.db.outbox import (
    LEASE,
    MAX_ATTEMPTS,
    Job,
    JobRow,
    LeaseLost,
    fail,
    finish,
    load_event,
    overdue,
    take,
)
from bridge.kernel.ids import EventId, JobId
from tests.db.rooms import NOW, ORG, OTHER_ORG, Office

SECOND = timedelta(seconds=1)


@contextmanager
def opened(office: Office) -> Iterator[Session]:
    with office.uow.across_institutions("a test's worker") as tx:
        yield tx.session


def ask(office: Office, key: str = "k", *, after: timedelta | None = None) -> JobId:
    with office.uow.for_institution(ORG) as tx:
        tx.want("made", key, after=None if after is None else office.clock.now() + after)
        return JobId(tx.session.scalars(select(JobRow.id).where(JobRow.key == key)).one())


def lease(office: Office, job: JobId) -> Job | None:
    with opened(office) as session:
        return take(session, job, office.clock.now())


def in_hand(office: Office, job: JobId) -> Job:
    taken = lease(office, job)
    assert taken is not None
    return taken


def end(office: Office, job: Job) -> bool:
    with opened(office) as session:
        return finish(session, job, office.clock.now())


def give_up(office: Office, job: Job, *, permanent: bool = False, outside: bool = False) -> None:
    with opened(office) as session:
        fail(session, job, office.clock.now(), "made_reason", permanent=permanent, outside=outside)


def row(office: Office, job: JobId) -> JobRow:
    with opened(office) as session:
        return session.get_one(JobRow, job)


def waiting(office: Office) -> list[JobId]:
    with opened(office) as session:
        return [one.id for one in overdue(session, office.clock.now())]


def test_a_job_that_was_done_is_done(office: Office) -> None:
    job = ask(office)
    assert waiting(office) == [job]
    taken = in_hand(office, job)
    assert (taken.institution_id, taken.kind, taken.key, taken.taken) == (ORG, "made", "k", 1)
    assert end(office, taken) is False
    assert row(office, job).state == "done"
    assert lease(office, job) is None
    assert waiting(office) == []


def test_many_asks_before_it_runs_are_one_run(office: Office) -> None:
    jobs = {ask(office) for _ in range(5)}
    (job,) = jobs
    assert end(office, in_hand(office, job)) is False
    assert lease(office, job) is None
    assert len(office.nudged) == 1


def test_an_ask_while_it_runs_is_one_more_run(office: Office) -> None:
    job = ask(office)
    taken = in_hand(office, job)
    ask(office)
    ask(office)
    assert lease(office, job) is None
    assert end(office, taken) is True
    assert end(office, in_hand(office, job)) is False
    assert lease(office, job) is None


def test_an_ask_after_it_was_done_runs_and_nudges_again(office: Office) -> None:
    job = ask(office)
    end(office, in_hand(office, job))
    ask(office)
    assert office.nudged == [job, job]
    assert end(office, in_hand(office, job)) is False


def test_the_same_key_is_another_job_for_another_institution(office: Office) -> None:
    job = ask(office)
    with office.uow.for_institution(OTHER_ORG) as tx:
        tx.want("made", "k")
    assert len(set(waiting(office)) | {job}) == 2


def test_a_wish_for_later_waits_for_its_time(office: Office) -> None:
    job = ask(office, after=60 * SECOND)
    assert (lease(office, job), waiting(office)) == (None, [])
    office.clock.advance(seconds=60)
    assert waiting(office) == [job]


def test_a_wish_for_later_does_not_put_off_one_for_now(office: Office) -> None:
    job = ask(office)
    ask(office, after=3600 * SECOND)
    assert waiting(office) == [job]


def test_a_wish_for_now_does_not_wait_for_one_for_later(office: Office) -> None:
    job = ask(office, after=3600 * SECOND)
    ask(office)
    assert waiting(office) == [job]


def test_a_lease_keeps_others_away_until_it_runs_out(office: Office) -> None:
    job = ask(office)
    in_hand(office, job)
    office.clock.at = NOW + LEASE - timedelta(microseconds=1)
    assert (lease(office, job), waiting(office)) == (None, [])
    office.clock.at = NOW + LEASE
    assert waiting(office) == [job]
    assert in_hand(office, job).attempts == 2


def test_who_lost_the_lease_cannot_end_the_job(office: Office) -> None:
    job = ask(office)
    slow = in_hand(office, job)
    office.clock.at = NOW + LEASE
    quick = in_hand(office, job)
    with pytest.raises(LeaseLost):
        end(office, slow)
    assert end(office, quick) is False
    with pytest.raises(LeaseLost):
        end(office, slow)


def test_who_lost_the_lease_cannot_fail_the_job(office: Office) -> None:
    job = ask(office)
    slow = in_hand(office, job)
    office.clock.at = NOW + LEASE
    end(office, in_hand(office, job))
    give_up(office, slow, permanent=True)
    assert (row(office, job).state, row(office, job).last_error) == ("done", "")


def test_effects_of_a_lost_lease_roll_back(office: Office) -> None:
    job = ask(office)
    slow = in_hand(office, job)
    office.clock.at = NOW + LEASE
    in_hand(office, job)

    def work() -> None:
        with office.uow.for_institution(ORG) as tx:
            tx.emit("made.effect", "x", occurred_at=NOW, idempotency_key="x")
            finish(tx.session, slow, office.clock.now())

    with pytest.raises(LeaseLost):
        work()
    assert waiting(office) == []


def test_a_failed_attempt_waits_ever_longer_and_then_the_job_is_dead(office: Office) -> None:
    job = ask(office)
    waits = []
    for _ in range(MAX_ATTEMPTS):
        give_up(office, in_hand(office, job))
        waits.append((row(office, job).run_after - office.clock.now()).total_seconds())
        office.clock.at = row(office, job).run_after
    assert waits == sorted(waits)
    assert waits[0] == 1
    dead = row(office, job)
    assert (dead.state, dead.last_error, dead.attempts) == ("dead", "made_reason", MAX_ATTEMPTS)
    assert (lease(office, job), waiting(office)) == (None, [])


def test_what_cannot_succeed_is_dead_at_once(office: Office) -> None:
    job = ask(office)
    give_up(office, in_hand(office, job), permanent=True)
    assert row(office, job).state == "dead"


def test_while_another_system_is_away_a_job_never_dies(office: Office) -> None:
    job = ask(office)
    for _ in range(MAX_ATTEMPTS + 3):
        give_up(office, in_hand(office, job), outside=True)
        assert row(office, job).state == "open"
        office.clock.at = row(office, job).run_after
    assert end(office, in_hand(office, job)) is False
    assert row(office, job).attempts == 0


def test_a_new_ask_wakes_a_dead_job(office: Office) -> None:
    job = ask(office)
    give_up(office, in_hand(office, job), permanent=True)
    ask(office)
    assert waiting(office) == [job]
    assert end(office, in_hand(office, job)) is False


def test_the_sweep_sees_what_is_due_the_oldest_first(office: Office) -> None:
    first = ask(office, "first")
    office.clock.advance(seconds=1)
    second = ask(office, "second")
    ask(office, "later", after=SECOND)
    done = ask(office, "done")
    end(office, in_hand(office, done))
    assert waiting(office) == [first, second]
    with opened(office) as session:
        assert overdue(session, office.clock.now(), limit=1) == [(first, "made")]
        assert overdue(session, office.clock.now(), kinds=["other"]) == []


def test_of_many_workers_at_once_one_takes_the_job(office: Office) -> None:
    for turn in range(3):
        job = ask(office, f"turn {turn}")
        with ThreadPoolExecutor(6) as workers:
            taken = list(workers.map(lambda _, job=job: lease(office, job), range(6)))
        assert len([one for one in taken if one is not None]) == 1


def test_an_unknown_event_is_no_event(office: Office) -> None:
    with opened(office) as session, pytest.raises(KeyError):
        load_event(session, EventId("ev_unknown"))


def test_an_event_comes_back_as_it_was_told(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        event_id = tx.emit(
            "made.happened", "班次", occurred_at=NOW - SECOND, idempotency_key="k", data={"a": [1, "学"]},
            causation_id="msg_1",
        )  # fmt: skip
    assert event_id is not None
    with opened(office) as session:
        event = load_event(session, event_id)
    assert (event.type, event.subject, event.institution_id) == ("made.happened", "班次", ORG)
    assert (event.occurred_at, event.received_at) == (NOW - SECOND, NOW)
    assert (event.causation_id, event.data, event.schema_version) == ("msg_1", {"a": [1, "学"]}, 1)


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.sampled_from(["ask", "take", "finish", "fail", "expire"]), max_size=25))
def test_after_the_last_ask_the_job_always_runs_once_more(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    office = Office(f"sqlite:///{tmp_path_factory.mktemp('outbox') / 'bridge.sqlite'}")
    job = ask(office)
    held: Job | None = None
    for step in steps:
        if step == "ask":
            ask(office)
        elif step == "take":
            held = lease(office, job) or held
        elif step == "expire":
            office.clock.at += LEASE
        elif held is not None and step == "finish":
            with suppress(LeaseLost):
                end(office, held)
            held = None
        elif held is not None:
            give_up(office, held)
            held = None
    ask(office)
    # Whatever happened, the sweep finds the job until somebody has finished a run that began after the last ask.
    for _ in range(3):
        office.clock.at += LEASE + timedelta(seconds=900)
        for due in waiting(office):
            end(office, in_hand(office, due))
    final = row(office, job)
    office.close()
    assert (final.state, final.done) == ("done", final.wanted)
