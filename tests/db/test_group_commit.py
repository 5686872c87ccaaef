"""Units of work that share a commit: each as if it were alone, and nobody answered before it is durable."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bridge.db.group_commit import GroupCommit
from bridge.db.unit_of_work import Tx, WrongInstitution
from bridge.kernel.ids import InstitutionId
from tests.db.rooms import ORG, OTHER_ORG, NoteRow, Office, note

Work = Callable[[Tx], Any]


@contextmanager
def commits(engine: Engine) -> Iterator[list[object]]:
    """Yield a list that grows by one with each commit."""
    seen: list[object] = []

    def note_it(connection: object) -> None:
        seen.append(connection)

    event.listen(engine, "commit", note_it)
    yield seen
    event.remove(engine, "commit", note_it)


def adding(name: str, institution: str = ORG) -> Work:
    def work(tx: Tx) -> str:
        tx.session.add(note(name, institution))  # type: ignore[arg-type]  # another's, on purpose
        return name

    return work


def in_one_group(
    office: Office, works: Sequence[Work], institutions: Sequence[InstitutionId] = ()
) -> list[Future[Any]]:
    """Return the futures of works that came while one was on its way, and so share the next commit."""
    begun, all_wait = threading.Event(), threading.Event()

    def first(_tx: Tx) -> None:
        begun.set()
        assert all_wait.wait(20)

    waiting = office.uow._together._waiting
    with ThreadPoolExecutor(len(works) + 1) as callers:
        leads = callers.submit(office.uow.together, ORG, first)
        assert begun.wait(20)
        futures = []
        for place, work in enumerate(works, start=1):
            institution = institutions[place - 1] if institutions else ORG
            futures.append(callers.submit(office.uow.together, institution, work))
            while len(waiting) < place:
                pass  # one after another, so that their order is known
        all_wait.set()
        leads.result(20)
    return futures


def kept(office: Office) -> set[str]:
    with office.uow.across_institutions("look in a test", read_only=True) as tx:
        return set(tx.session.scalars(select(NoteRow.id)))


def test_who_comes_alone_is_committed_alone(office: Office) -> None:
    with commits(office.engine) as seen:
        assert office.uow.together(ORG, adding("a")) == "a"
    assert kept(office) == {"a"}
    assert len(seen) == 1


def test_who_waits_together_shares_one_commit(office: Office) -> None:
    with commits(office.engine) as seen:
        futures = in_one_group(office, [adding(name) for name in "abcde"])
    assert [one.result() for one in futures] == list("abcde")
    assert kept(office) == set("abcde")
    assert len(seen) == 2


def half_way(tx: Tx) -> None:
    tx.session.add(note("half"))
    tx.session.flush()
    tx.want("made", "half")
    raise ZeroDivisionError


def test_what_raises_alone_leaves_nothing_and_hears_of_it(office: Office) -> None:
    with commits(office.engine) as seen, pytest.raises(ZeroDivisionError):
        office.uow.together(ORG, half_way)
    assert kept(office) == set()
    assert (office.nudged, seen) == ([], [])
    assert office.uow.together(ORG, adding("next")) == "next"
    assert kept(office) == {"next"}


def test_what_raises_leaves_nothing_and_hears_of_it_alone(office: Office) -> None:
    a, b, c = in_one_group(office, [adding("a"), half_way, adding("c")])
    assert (a.result(), c.result()) == ("a", "c")
    with pytest.raises(ZeroDivisionError):
        b.result()
    assert kept(office) == {"a", "c"}
    assert office.nudged == []


def test_rows_that_the_database_refuses_cost_the_others_nothing(office: Office) -> None:
    a, b, c = in_one_group(office, [adding("a"), adding("a"), adding("c")])
    assert (a.result(), c.result()) == ("a", "c")
    with pytest.raises(IntegrityError):
        b.result()
    assert kept(office) == {"a", "c"}


def test_each_writes_its_own_institution_only(office: Office) -> None:
    a, b = in_one_group(office, [adding("a"), adding("b", OTHER_ORG)])
    assert a.result() == "a"
    with pytest.raises(WrongInstitution):
        b.result()
    assert kept(office) == {"a"}


def test_each_reads_its_own_institution_only(office: Office) -> None:
    def looked(tx: Tx) -> list[str]:
        return list(tx.session.scalars(select(NoteRow.id)))

    works = [adding("mine"), adding("theirs", OTHER_ORG), looked, looked]
    _, _, mine, theirs = in_one_group(office, works, [ORG, OTHER_ORG, ORG, OTHER_ORG])
    assert (mine.result(), theirs.result()) == (["mine"], ["theirs"])


def test_none_remembers_what_one_before_it_read(office: Office) -> None:
    held: list[NoteRow] = []

    def holding(tx: Tx) -> None:
        held.append(note("a"))
        tx.session.add(held[0])

    _, remembered = in_one_group(office, [holding, lambda tx: len(tx.session.identity_map)])
    assert remembered.result() == 0


def test_nobody_is_answered_when_the_commit_fails(office: Office) -> None:
    def fail(_connection: object) -> None:
        raise OSError("the disk is full")

    event.listen(office.engine, "commit", fail)
    with ThreadPoolExecutor(4) as callers:
        futures = [callers.submit(office.uow.together, ORG, adding(name)) for name in "abcd"]
        for one in futures:
            with pytest.raises(OSError, match="disk is full"):
                one.result(20)
    event.remove(office.engine, "commit", fail)
    assert kept(office) == set()
    assert office.uow.together(ORG, adding("after")) == "after"


def test_nobody_is_answered_when_the_thread_that_carries_them_is_told_to_end(office: Office) -> None:
    def ending(_tx: Tx) -> None:
        raise SystemExit

    futures = in_one_group(office, [adding("nt_0"), ending, adding("nt_2")])
    for future in futures:
        with pytest.raises(SystemExit):
            future.result(20)
    assert kept(office) == set()
    assert office.uow.together(ORG, adding("nt_3")) == "nt_3"


def test_without_a_connection_each_hears_so_and_the_next_goes_on(office: Office) -> None:
    group = GroupCommit(office.engine, threading.RLock())

    def away(_connection: object) -> None:
        raise ConnectionError("the database is away")

    event.listen(office.engine, "begin", away)
    with ThreadPoolExecutor(4) as callers:
        futures = [
            callers.submit(group.run, {"institution_id": ORG}, lambda session: session.info) for _ in range(4)
        ]
        for one in futures:
            with pytest.raises(ConnectionError):
                one.result(20)
    event.remove(office.engine, "begin", away)

    def named(session: Session) -> object:
        return session.info["institution_id"]

    assert group.run({"institution_id": ORG}, named) == ORG


def test_many_callers_lose_nothing(office: Office) -> None:
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda n: office.uow.together(ORG, adding(f"n{n}")), range(120)))
    assert len(kept(office)) == 120


def test_a_nudge_leaves_once_the_job_is_durable(office: Office) -> None:
    seen: list[set[str]] = []

    def work(tx: Tx) -> None:
        tx.session.add(note("a"))
        tx.want("made", "key")
        tx.after_commit.append(lambda: seen.append(kept(office)))

    office.uow.together(ORG, work)
    assert seen == [{"a"}]
    assert len(office.nudged) == 1
