"""Forwarding to an institution's own LRS over HTTP: nothing lost, nothing doubled, nothing personal."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.db.outbox import JobRow
from bridge.intake.forwarding import BATCH, FORWARD_WANTED, NEEDS_TWO, Forward, Forwarding, Outgoing, outgoing
from bridge.intake.xapi.model import Scope, Version
from bridge.intake.xapi.service import read_batch
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, JobId
from bridge.kernel.time import FixedClock, SystemClock
from bridge.settings import ROOT, Mode, Settings
from bridge.wiring import House
from bridge.wiring.forwarding import send, sweep_forwarding
from bridge.wiring.xapi import XapiDesk, credentials
from lti.http import Reply
from tests.intake.learning_vectors import NEVER_KEPT
from tests.web.learning_doors import ORG, OTHER, Doors, open_doors
from tests.wiring.lrs import KEY, SECRET, Lrs, made_up_lrs


@pytest.fixture
def lrs() -> Iterator[Lrs]:
    with made_up_lrs() as made:
        yield made


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with open_doors(tmp_path) as opened:
        opened.house.__dict__["_nudger"] = lambda _jobs: None
        yield opened


def statement(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))),
        "actor": {"name": "陈晓安", "mbox": "mailto:chen.xiaoan@lms.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {
            "id": f"https://lms.example.org/units/{number}",
            "definition": {"description": {"zh-CN": "电话 19900003001 微信:zhang_2026x"}},
        },
        "timestamp": "2026-11-24T03:00:00.000Z",
        **more,
    }


def keep(doors: Doors, statements: Sequence[dict[str, Any]], institution: InstitutionId = ORG) -> list[str]:
    """Have the statements received as the xAPI door does; return their ids."""
    keys = credentials(doors.house)
    made = keys.add(institution, "moodle-1", [Scope.WRITE], by="test")
    caller = keys.authenticate(made.credential.id, made.secret)
    with doors.house.uow.for_institution(institution) as tx:
        batch = read_batch(json.loads(json.dumps(statements)), [], Version.TWO, b"")
        return XapiDesk(doors.house, tx, caller).statements.receive(batch)


def set_up(doors: Doors, url: str, **more: Any) -> Forward:
    told = {
        "endpoint": url,
        "key": KEY,
        "secret": SECRET,
        "version": Version.TWO,
        "demonstration": True,
        **more,
    }
    with doors.house.uow.for_institution(ORG) as tx:
        return Forwarding(tx, doors.house.cipher).set_up(**told, by="test")


def standing(doors: Doors) -> Forward:
    with doors.house.uow.for_institution(ORG, read_only=True) as tx:
        return Forwarding(tx, doors.house.cipher).require()


def job_of(house: House) -> JobId:
    with house.uow.across_institutions("test", read_only=True) as tx:
        return JobId(tx.session.scalars(select(JobRow.id).where(JobRow.kind == FORWARD_WANTED)).one())


def run(house: House) -> None:
    """Do what a worker does: look for what is due, and run it for as long as it wants to go on."""
    sweep_forwarding(house)
    while house.runner.run(job_of(house)):
        pass


def test_every_statement_arrives_once_and_names_nobody(doors: Doors, lrs: Lrs) -> None:
    ids = keep(doors, [statement(number) for number in range(2 * BATCH + 7)])
    keep(doors, [statement(1000)], OTHER)
    set_up(doors, lrs.url)
    run(doors.house)
    assert list(lrs.kept) == ids
    assert (set(lrs.posted.values()), lrs.requests) == ({1}, 3)
    found = standing(doors)
    assert (found.sent, found.behind, found.behind_since, found.refused) == (len(ids), 0, None, {})
    said = json.dumps(list(lrs.kept.values()), ensure_ascii=False)
    assert not [one for one in NEVER_KEPT if one in said.replace("lms.example.org", "")]
    assert "blind_" in said
    one = lrs.kept[ids[0]]
    assert (one["version"], "stored" in one, "authority" in one) == ("2.0.0", False, False)
    assert lrs.headers["X-Experience-API-Version"] == "2.0.0"
    assert SECRET.encode() not in doors.written()
    # What comes later follows.
    later = keep(doors, [statement(2000)])
    run(doors.house)
    assert list(lrs.kept) == ids + later


def test_an_lrs_that_is_away_is_asked_more_and_more_slowly_and_nothing_is_lost(
    doors: Doors, lrs: Lrs
) -> None:
    ids = keep(doors, [statement(number) for number in range(3)])
    set_up(doors, lrs.url)
    for failures, status in enumerate((503, 429, 401, 500), 1):
        lrs.before = lambda _statements, status=status: status  # type: ignore[misc]  # a default that binds the loop's value
        run(doors.house)
        found = standing(doors)
        assert (found.failures, found.reason, found.behind) == (failures, f"lrs_answered_{status}", 3)
        pause = (found.next_at - doors.clock.now()).total_seconds()
        assert pause == (120 if status == 429 else 5 * 2 ** (failures - 1))
        asked = lrs.requests
        run(doors.house)
        assert lrs.requests == asked
        doors.clock.at = found.next_at
    lrs.before = lambda _statements: None
    run(doors.house)
    assert list(lrs.kept) == ids
    assert (standing(doors).failures, standing(doors).reason) == (0, "")


def test_a_statement_that_the_lrs_refuses_is_set_aside_and_the_others_go_on(doors: Doors, lrs: Lrs) -> None:
    ids = keep(doors, [statement(number) for number in range(9)])
    bad = {ids[0], ids[4], ids[8]}
    lrs.before = lambda statements: 400 if bad & {one["id"] for one in statements} else None
    set_up(doors, lrs.url)
    run(doors.house)
    assert list(lrs.kept) == [one for one in ids if one not in bad]
    assert standing(doors).refused == {"lrs_answered_400": 3}
    assert standing(doors).behind == 0
    # Refused again, it waits again; once the LRS takes it, it is there.
    for expected in ({"lrs_answered_400": 3}, {}):
        with doors.house.uow.for_institution(ORG) as tx:
            assert Forwarding(tx, doors.house.cipher).retry_refused() == 3
        run(doors.house)
        assert standing(doors).refused == expected
        lrs.before = lambda _statements: None
    assert set(lrs.kept) == set(ids)


def test_on_postgresql_it_is_the_same(tmp_path: Path, postgres_url: str, lrs: Lrs) -> None:
    with open_doors(tmp_path, postgres_url) as doors:
        doors.house.__dict__["_nudger"] = lambda _jobs: None
        ids = keep(doors, [statement(number) for number in range(BATCH + 3)])
        lrs.before = lambda statements: 400 if ids[1] in {one["id"] for one in statements} else None
        set_up(doors, lrs.url)
        run(doors.house)
        assert set(lrs.kept) == {*ids} - {ids[1]}
        lrs.before = lambda _statements: None
        with doors.house.uow.for_institution(ORG) as tx:
            assert Forwarding(tx, doors.house.cipher).retry_refused() == 1
        run(doors.house)
        assert (set(lrs.kept), standing(doors).refused, standing(doors).behind) == ({*ids}, {}, 0)


def test_no_other_worker_takes_a_job_that_takes_long(doors: Doors, lrs: Lrs) -> None:
    """Each request takes fifteen seconds and refuses all, so that the batch is sent in halves, one by one at last."""
    keep(doors, [statement(number) for number in range(4)])
    set_up(doors, lrs.url)
    sweep_forwarding(doors.house)
    job = job_of(doors.house)
    others: list[bool] = []
    under_way: list[int] = []

    def slow(_statements: Sequence[Any]) -> int:
        under_way.append(len(under_way))
        doors.clock.advance(seconds=15)
        if len(under_way) == 3:
            others.append(doors.house.runner.run(job))
        return 400

    lrs.before = slow
    doors.house.runner.run(job)
    assert others == [False]
    assert (lrs.requests, standing(doors).refused) == (7, {"lrs_answered_400": 4})


def test_what_the_lrs_has_already_is_there(doors: Doors, lrs: Lrs) -> None:
    ids = keep(doors, [statement(number) for number in range(5)])
    lrs.kept[ids[2]] = {"id": ids[2], "said": "otherwise"}
    set_up(doors, lrs.url)
    run(doors.house)
    assert set(lrs.kept) == set(ids)
    assert (standing(doors).sent, standing(doors).there_already, standing(doors).behind) == (4, 1, 0)


def test_paused_nothing_leaves_and_resumed_it_goes_on(doors: Doors, lrs: Lrs) -> None:
    set_up(doors, lrs.url)
    keep(doors, [statement(1)])
    sweep_forwarding(doors.house)
    with doors.house.uow.for_institution(ORG) as tx:
        Forwarding(tx, doors.house.cipher).pause(True)
    run(doors.house)
    assert (lrs.requests, standing(doors).behind) == (0, 1)
    with doors.house.uow.for_institution(ORG) as tx:
        Forwarding(tx, doors.house.cipher).pause(False)
    run(doors.house)
    assert len(lrs.kept) == 1


def test_a_worker_that_is_killed_before_or_after_the_answer_loses_and_doubles_nothing(
    doors: Doors, lrs: Lrs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is killed by the LRS in the middle of its second and of its third request."""
    ids = keep(doors, [statement(number) for number in range(3 * BATCH)])
    set_up(doors, lrs.url)
    sweep_forwarding(doors.house)
    children: list[subprocess.Popen[bytes]] = []

    def kill(_statements: Sequence[Any]) -> None:
        os.kill(children[-1].pid, signal.SIGKILL)
        children[-1].wait(30)

    def at_request(number: int) -> Any:
        return lambda statements: kill(statements) if lrs.requests == number else None

    lrs.before, lrs.after = at_request(2), at_request(3)
    code = (
        "import sys; from bridge.wiring import House; from bridge.settings import Settings;"
        "house = House.build(Settings());"
        "[None for _ in iter(lambda: house.runner.run(sys.argv[1]), False)]"
    )
    environment = {"PYTHONPATH": str(ROOT), "ANXUE_MODE": "demonstration", "ANXUE_DATA": str(doors.folder)}
    job = job_of(doors.house)
    for _ in range(2):
        _end_lease(doors.house)
        children.append(
            subprocess.Popen([sys.executable, "-P", "-c", code, job], env={**os.environ, **environment})
        )
        assert children[-1].wait(60) == -signal.SIGKILL
    assert standing(doors).sent == BATCH
    # The killed ones lived by the machine's clock.
    doors.clock.at = SystemClock().now()
    _end_lease(doors.house)
    run(doors.house)
    assert list(lrs.kept) == ids
    assert standing(doors).behind == 0
    # Only the batches whose answers were lost came twice.
    assert sum(lrs.posted.values()) == 5 * BATCH


def _end_lease(house: House) -> None:
    """Have what a killed worker held be free, as twenty seconds later."""
    with house.uow.across_institutions("test") as tx:
        for row in tx.session.scalars(select(JobRow).where(JobRow.state == "leased")):
            row.lease_until = house.clock.now()


_ANSWERS = st.sampled_from([200, 200, 200, 409, 400, 413, 500, 503, 429, 401])


@settings(max_examples=60)
@given(st.integers(1, 20), st.lists(_ANSWERS, max_size=60), st.sets(st.integers(0, 19)))
def test_whatever_an_lrs_answers_each_statement_is_told_of_once_and_in_order(
    count: int, answers: list[int], unsayable: set[int]
) -> None:
    batch = [
        Outgoing(seq, str(seq), {"id": str(seq)}, NEEDS_TWO if seq in unsayable else None)
        for seq in range(count)
    ]
    given_answers = iter(answers)
    outcome = send(batch, lambda _statements: Reply(next(given_answers, 200), b""))
    told = sorted([*outcome.sent, *outcome.already, *outcome.refused])
    assert told == list(range(len(told)))
    assert outcome.failed or len(told) == count
    assert not unsayable & {*outcome.sent, *outcome.already}


def test_a_statement_is_said_in_the_version_of_the_lrs() -> None:
    kept = {"id": "1", "version": "2.0.0", "stored": "x", "authority": {}, "context": {"contextAgents": []}}
    in_one, in_two = (outgoing(1, "1", kept, version) for version in Version)
    assert (in_one.statement["version"], in_one.refused) == ("1.0.0", NEEDS_TWO)
    assert (in_two.statement["version"], in_two.refused) == ("2.0.0", None)
    assert outgoing(1, "1", {"id": "1", "version": "2.0.0"}, Version.ONE).refused is None
    assert set(in_two.statement) == {"id", "version", "context"}


def test_an_lrs_that_cannot_be_one_is_refused(doors: Doors) -> None:
    url = "https://lrs.example.org/xapi"
    for told, reason in (
        ({"url": "http://lrs.example.org/xapi"}, "endpoint_malformed"),
        ({"url": "https://user@lrs.example.org/xapi"}, "endpoint_malformed"),
        ({"url": f"{url}?a=1"}, "endpoint_malformed"),
        ({"url": url, "key": "a:b"}, "forward_key_malformed"),
        ({"url": url, "secret": ""}, "forward_key_malformed"),
        ({"url": url, "private_host": "10.0.0.8"}, "private_host_foreign"),
    ):
        with pytest.raises(InvalidInput) as refused:
            set_up(doors, **told)
        assert refused.value.reason == reason


def test_in_real_use_no_private_address_is_called_unless_the_operator_names_it(
    tmp_path: Path, lrs: Lrs
) -> None:
    with open_doors(tmp_path) as opened:
        keep(opened, [statement(1)])
        for host, reason in (("", "address_refused"), ("127.0.0.1", "platform_unreachable")):
            production = House(
                Settings(mode=Mode.PRODUCTION, data=tmp_path), clock=FixedClock(opened.clock.at)
            )
            production.__dict__["_nudger"] = lambda _jobs: None
            # Nobody listens there: what counts is whether it is tried at all.
            set_up(opened, "https://127.0.0.1:9/xapi", private_host=host, demonstration=False)
            run(production)
            production.close()
            assert standing(opened).reason == reason


def test_another_endpoint_begins_anew_and_a_new_secret_goes_on(doors: Doors, lrs: Lrs) -> None:
    keep(doors, [statement(1), statement(2)])
    set_up(doors, lrs.url, secret="wrong")
    run(doors.house)
    assert (standing(doors).reason, lrs.kept) == ("lrs_answered_401", {})
    set_up(doors, lrs.url)
    run(doors.house)
    assert (len(lrs.kept), standing(doors).sent) == (2, 2)
    set_up(doors, lrs.url, version=Version.ONE)
    run(doors.house)
    assert lrs.requests == 1
    assert set_up(doors, lrs.url + "/other").behind == 2
    assert set_up(doors, lrs.url + "/third", from_now=True).behind == 0


def test_a_second_bridge_takes_what_the_first_forwards(
    doors: Doors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Both ends are real: the other side is a bridge's own xAPI door."""
    ids = keep(doors, [statement(number) for number in range(BATCH + 1)])
    with open_doors(tmp_path_factory.mktemp("second")) as second:
        made = credentials(second.house).add(OTHER, "bridge-1", [Scope.WRITE], by="test")
        for version in Version:
            set_up(doors, f"{second.url}/xAPI", key=made.credential.id, secret=made.secret, version=version)
            run(doors.house)
        kept = second.rows("SELECT statement_id FROM xapi_statement ORDER BY seq")
    assert [one for (one,) in kept] == ids
    assert (standing(doors).behind, standing(doors).refused) == (0, {})
