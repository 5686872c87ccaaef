"""The beats' door: one chain of nonces, one answer for each batch, one counting session for each learner."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bridge.intake.store import record_hash
from bridge.kernel.canonical import GENESIS
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import LearnerRef
from bridge.presence.model import Activity
from bridge.presence.service import SeqOutOfOrder
from tests.presence.room import ORG, OTHER_ORG, Room, inbox, with_media


def test_each_batch_is_chained_and_asks_for_the_ledger(room: Room) -> None:
    agent = room.begin()
    for _ in range(3):
        agent.beat()

    records = inbox(room, agent)
    assert [record.seq for record in records] == [1, 2, 3]
    assert records[0].previous_hash == GENESIS
    assert all(later.previous_hash == earlier.hash for earlier, later in pairwise(records))
    for record in records:
        assert record.hash == record_hash(
            record.previous_hash,
            chain=record.chain,
            seq=record.seq,
            source=record.source,
            received_at=record.received_at,
            original_sha256=record.original_sha256,
            verification=record.verification,
            payload=record.payload,
        )
    assert room.jobs("study.beats_waiting") == [(agent.session.id, 3)]


def test_every_batch_needs_a_new_nonce(room: Room) -> None:
    agent = room.begin()
    nonces = [agent.nonce]
    for _ in range(3):
        agent.beat()
        nonces.append(agent.nonce)
    assert len(set(nonces)) == 4


@pytest.mark.parametrize("nonce", ["", "0" * 32, "随机数"])
def test_a_wrong_nonce_is_refused_and_changes_nothing(room: Room, nonce: str) -> None:
    agent = room.begin()
    with pytest.raises(NotPermitted, match="nonce_mismatch"):
        agent.send(replace(agent.batch(), nonce=nonce))
    assert inbox(room, agent) == []
    agent.beat()


def test_the_nonce_of_an_earlier_batch_is_worth_nothing(room: Room) -> None:
    agent = room.begin()
    used = agent.nonce
    agent.beat()
    with pytest.raises(NotPermitted, match="nonce_mismatch"):
        agent.send(replace(agent.batch(), nonce=used))


def test_the_same_batch_again_gets_the_same_answer_and_counts_once(known: Room) -> None:
    agent = known.begin().pass_check()
    batch = agent.batch()
    first = agent.send(batch)
    again = agent.send(batch)
    assert (again.nonce, again.session.next_seq, again.commands) == (first.nonce, 2, first.commands)
    assert len(inbox(known, agent)) == 1


def test_another_content_under_the_same_turn_is_a_conflict(room: Room) -> None:
    agent = room.begin()
    batch = agent.batch()
    agent.send(batch)
    with pytest.raises(InvalidInput) as refused:
        agent.send(with_media(batch, 99_000))
    assert (refused.value.reason, refused.value.http_status) == ("seq_conflict", 409)
    assert len(inbox(room, agent)) == 1


@pytest.mark.parametrize("seq", [-1, 0, 2, 7, 2**70])
def test_a_batch_out_of_turn_hears_whose_turn_it_is(room: Room, seq: int) -> None:
    agent = room.begin()
    with pytest.raises(SeqOutOfOrder) as refused:
        agent.send(replace(agent.batch(), seq=seq))
    assert (refused.value.http_status, refused.value.expected_seq) == (409, 1)


@pytest.mark.parametrize("secret", [" ", f"{ORG}~wrong", "随便"])
def test_a_foreign_secret_opens_no_session(room: Room, secret: str) -> None:
    agent = room.begin()
    with pytest.raises(NotPermitted) as refused:
        agent.send(agent.batch(), secret=secret)
    assert (refused.value.reason, refused.value.http_status) == ("session_unknown", 401)


def test_one_learners_secret_does_not_open_anothers_session(room: Room) -> None:
    mine, theirs = room.begin(), room.begin(learner=LearnerRef("lrn_2"), token="token-2")
    with pytest.raises(NotPermitted, match="session_unknown"):
        mine.send(mine.batch(), secret=theirs.secret)


def test_a_session_is_unknown_to_another_institution(room: Room) -> None:
    agent = room.begin(institution=OTHER_ORG)
    with pytest.raises(NotPermitted, match="session_unknown"):
        agent.send(agent.batch())


def test_a_secret_is_not_kept_in_clear(room: Room) -> None:
    agent = room.begin()
    with room.open() as desk:
        found = desk.store.session(agent.session.id)
    assert found is not None
    assert agent.secret not in repr(found)


def test_an_lms_token_opens_one_session(room: Room) -> None:
    agent = room.begin(token="token-1")
    with pytest.raises(NotPermitted) as refused:
        room.begin(token="token-1")
    assert (refused.value.reason, refused.value.http_status) == ("token_used", 409)
    agent.beat()


def test_a_second_device_stops_the_first(room: Room) -> None:
    first = room.begin(token="token-1")
    second = room.begin(token="token-2")
    with pytest.raises(InvalidInput) as refused:
        first.beat()
    assert (refused.value.reason, refused.value.http_status) == ("session_closed", 410)
    assert "另一台设备" in refused.value.message
    second.beat()


def test_a_test_stops_the_study_that_runs_beside_it(room: Room) -> None:
    study = room.begin(token="token-1")
    test = room.begin(token="token-2", activity=Activity.TEST)
    with pytest.raises(InvalidInput, match="session_closed"):
        study.beat()
    assert test.commands[0]["kind"] == "test_start"


def test_another_learner_studies_on(room: Room) -> None:
    first = room.begin(token="token-1")
    room.begin(token="token-2", learner=LearnerRef("lrn_2"))
    first.beat()


def test_the_last_batch_of_a_session_that_ended_meanwhile_is_answered_again(known: Room) -> None:
    agent = known.begin().pass_check()
    known.pass_time(seconds=10)
    last = agent.batch(ending=True)
    agent.send(last)
    again = agent.send(last)
    assert again.commands == [{"type": "close", "reason": "finished", "message": "本次学习已结束。"}]


def test_the_totals_that_the_ledger_noted_are_told_in_the_next_answer(room: Room) -> None:
    agent = room.begin()
    with room.open() as desk:
        desk.store.note_totals(agent.session.learner, agent.session.class_run, 60, 30, 10)
    answer = agent.send(agent.batch())
    figures = answer.session
    assert (figures.credited_seconds, figures.provisional_seconds, figures.refused_seconds) == (60, 30, 10)
