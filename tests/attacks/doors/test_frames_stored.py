"""The frame door writes a picture before the transaction that takes it: what is refused leaves nothing on the disk."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from bridge.identity.consent import FACE
from bridge.kernel.ids import EvidenceId
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.server import ORG, BridgeServer, refused
from tests.presence.pictures import picture


def lying(bridge: BridgeServer) -> set[str]:
    """Return the names of all stored content, and of the marks of what is not taken yet."""
    folders = ("evidence", "evidence-begun")
    return {
        f"{folder}/{path.name}"
        for folder in folders
        for path in (bridge.house.settings.data_dir / folder).rglob("*")
        if path.is_file()
    }


@contextmanager
def nothing_left(bridge: BridgeServer) -> Iterator[None]:
    """Hold that the block leaves the disk as it was."""
    before = lying(bridge)
    yield
    assert lying(bridge) == before


@contextmanager
def counted(bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list of what content was stored and when units of work that wait together began and ended."""
    seen: list[str] = []
    put, together = bridge.house.blobs.put, bridge.house.uow.together

    def putting(name: str, content: bytes) -> None:
        put(name, content)
        seen.append("stored")

    def doing(*args: Any) -> Any:
        seen.append("begun")
        try:
            return together(*args)
        finally:
            seen.append("ended")

    with monkeypatch.context() as patched:
        patched.setattr(bridge.house.blobs, "put", putting)
        patched.setattr(bridge.house.uow, "together", doing)
        yield seen


def known(bridge: BridgeServer) -> Agent:
    """Return a new session of a learner whose frames have a key already: one was sent."""
    first = Agent.ready(bridge)
    assert first.pass_check()["state"] == "passed"
    return Agent(bridge, first.person, first.learner)


def test_a_picture_is_on_disk_before_its_transaction_begins(
    bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = known(bridge)
    before = lying(bridge)
    with counted(bridge, monkeypatch) as seen:
        answer = agent.frame(picture("0"))
    assert answer.status_code == 202, answer.text
    assert seen == ["stored", "begun", "ended"]
    (row,) = bridge.rows("face_frame", id=answer.json()["frame"])
    evidence = EvidenceId(row["evidence_id"])
    assert lying(bridge) - before == {f"evidence/{evidence}"}
    bridge.drain()
    check = agent.opened["commands"][0]["check"]
    assert agent.move(check, agent.look(check).json())["state"] == "passed"


def wrong_nonce(agent: Agent) -> requests.Response:
    return agent.frame(picture("0"), X_Anxue_Nonce="0" * 32)


def no_picture(agent: Agent) -> requests.Response:
    return agent.frame(picture("0")[:-2])


def foreign_session(agent: Agent) -> requests.Response:
    return agent.frame(picture("0"), Authorization=f"Bearer {ORG}~another")


@pytest.mark.parametrize("send", [wrong_nonce, no_picture, foreign_session])
def test_what_a_look_can_tell_is_refused_without_being_written(
    bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch, send: Callable[[Agent], requests.Response]
) -> None:
    agent = known(bridge)
    with nothing_left(bridge), counted(bridge, monkeypatch) as seen:
        assert send(agent).status_code in (401, 403, 415)
    assert "stored" not in seen


def test_after_the_window_and_while_another_waits_nothing_is_written(
    bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = known(bridge)
    assert agent.frame(picture("none")).status_code == 202
    with nothing_left(bridge), counted(bridge, monkeypatch) as seen:
        refused(agent.frame(picture("0")), 409, "frame_waiting")
    assert "stored" not in seen
    late = known(bridge)
    bridge.clock.advance(late.opened["commands"][0]["answer_within_seconds"] + 1)
    with nothing_left(bridge), counted(bridge, monkeypatch) as seen:
        refused(late.frame(picture("0")), 409, "check_closed")
    assert "stored" not in seen


def test_without_consent_no_picture_is_written(bridge: BridgeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = known(bridge)
    with bridge.house.uow.for_institution(ORG) as tx:
        stations = bridge.house.at(tx)
        account = stations.presence_store.session(agent.session)  # type: ignore[arg-type]  # as the door was told it
        assert account is not None
        # Of the consent alone: its session stays open here, as if the end of it had not been heard of yet.
        stations.identity.revoke_consent(account[0].account_id, FACE)
    with nothing_left(bridge), counted(bridge, monkeypatch) as seen:
        refused(agent.frame(picture("0")), 403, "consent_required")
    assert "stored" not in seen


def test_a_repeated_picture_is_not_left_behind(bridge: BridgeServer) -> None:
    first, content = Agent.ready(bridge), picture("0")
    assert first.frame(content).status_code == 202
    bridge.drain()
    second = Agent(bridge, first.person, first.learner)
    with nothing_left(bridge):
        refused(second.frame(content), 409, "frame_repeated")


def test_of_many_frames_for_one_check_at_once_one_is_kept(bridge: BridgeServer) -> None:
    agent = known(bridge)
    before = lying(bridge)
    with ThreadPoolExecutor(6) as pages:
        answers = list(pages.map(lambda _: agent.frame(picture("0")), range(6)))
    assert sorted(one.status_code for one in answers) == [202, 409, 409, 409, 409, 409]
    (taken,) = (one for one in answers if one.status_code == 202)
    (row,) = bridge.rows("face_frame", id=taken.json()["frame"])
    assert lying(bridge) - before == {f"evidence/{row['evidence_id']}"}
    bridge.drain()
