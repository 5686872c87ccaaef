"""Reading again what was stored: nothing changes where nothing is missing, what is missing comes back once."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bridge.cli import main
from bridge.intake import normalisers
from bridge.kernel.errors import InvalidInput
from bridge.wiring.intake_claims import Outcome
from bridge.wiring.intake_replay import ReplayAsked, Replayed, cursor, read_cursor, replay
from tests.attacks.doors.agent import Agent
from tests.attacks.doors.lms_batches import activity, deliver, ping, score_message, signal
from tests.attacks.doors.server import ORG, BridgeServer
from tests.attacks.set_aside.test_quarantine import newest, refusing, set_aside


@pytest.fixture(scope="module")
def agent(bridge: BridgeServer) -> Agent:
    """A day of every kind of message, all jobs done."""
    agent = Agent.ready(bridge)
    agent.pass_check()
    agent.study(200)
    deliver(bridge, ping(bridge), activity(bridge, agent.person), signal(bridge, agent.person))
    deliver(bridge, score_message(bridge, agent.person))
    agent.statement()
    return agent


def again(bridge: BridgeServer, **asked: Any) -> Replayed:
    return replay(bridge.house, ReplayAsked(ORG, **asked), lambda _done: None)


def test_where_nothing_is_missing_nothing_changes(bridge: BridgeServer, agent: Agent) -> None:
    with bridge.unchanged():
        done = again(bridge)
    assert done.complete
    assert done.messages == len(bridge.rows("inbox_message"))
    assert set(done.claims) == {Outcome.SAME.value}
    assert (done.poison, done.named) == (0, [])


def test_a_lost_event_comes_back_once_and_goes_its_way(bridge: BridgeServer, agent: Agent) -> None:
    _lose(bridge, "DELETE FROM event WHERE type = 'intake.signal_received'")

    with bridge.unchanged():
        would = again(bridge, source="webhook", dry_run=True)
    done = again(bridge, source="webhook")

    assert would.claims["missing"] == done.claims["missing"] == 1
    assert [one["claim"].partition("|")[0] for one in done.named] == ["intake.signal_received"]
    assert again(bridge, source="webhook").claims["missing"] == 0
    bridge.drain()
    assert len(bridge.rows("supervision_signal", kind="login_as")) == 1


def test_batches_that_no_job_entered_are_entered_in_their_turn(bridge: BridgeServer, agent: Agent) -> None:
    before = len([entry for entry in agent.ledger() if entry.kind == "beats"])
    for _ in range(3):
        bridge.clock.advance(10)
        agent.beat()

    done = again(bridge, source="agent")

    assert done.claims["missing"] == 1, "with the first of them those behind it are entered"
    seqs = [entry.data["seq"] for entry in agent.ledger() if entry.kind == "beats"]
    assert seqs == list(range(1, before + 4))
    figures = (
        "supervised_progress",
        "supervised_day",
        "supervised_class_day",
        "supervised_area_day",
        "supervised_city_day",
    )
    with bridge.unchanged("job", "study_session", *figures):
        bridge.drain()


def test_poison_is_set_aside_and_shown_but_not_in_a_dry_run(bridge: BridgeServer, agent: Agent) -> None:
    with refusing(lambda record: record.chain == agent.session and record.seq == 2):
        with bridge.unchanged():
            assert again(bridge, dry_run=True).poison == 1
        done = again(bridge)
    assert (done.poison, done.named[0]["outcome"]) == (1, "version_unknown")
    assert newest(bridge).seq == 2


def test_a_claim_that_reads_otherwise_now_is_shown_and_never_rewritten(
    bridge: BridgeServer, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = normalisers._score  # the reader of a version to come

    def louder(record: Any, payload: Any, occurred_at: str, kind: str) -> Any:
        return right(record, {**payload, "score": "99"}, occurred_at, kind)

    monkeypatch.setattr(normalisers, "_score", louder)
    with bridge.unchanged():
        done = again(bridge, source="webhook")
    assert done.claims["differs"] == 1


def test_statements_that_are_gone_are_told(bridge: BridgeServer) -> None:
    with bridge.house.uow.for_institution(ORG) as tx:
        bridge.house.at(tx).inbox.append(
            chain=f"{ORG}:xapi",
            source="xapi:moodle-1",
            received_at=bridge.clock.now(),
            original_sha256="0" * 64,
            verification="test",
            idempotency_key="records:gone",
            payload=json.dumps({"statements": [["gone", "a" * 64]], "store": "records", "v": 1}),
        )
    assert again(bridge, source="xapi:moodle-1").claims["lost"] == 1
    assert newest(bridge).reason == "statement_lost"


@pytest.mark.parametrize("page", [1, 7])
def test_a_replay_that_was_stopped_goes_on_where_it_was(
    bridge: BridgeServer, agent: Agent, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.wiring.intake_replay._PAGE", page)
    whole = again(bridge, dry_run=True)
    seen, after, stops = 0, None, 0
    while True:
        latest: list[Replayed] = []

        def stop(done: Replayed, latest: list[Replayed] = latest) -> None:
            latest.append(done)
            if done.messages >= 5:
                raise KeyboardInterrupt

        try:
            done = replay(bridge.house, ReplayAsked(ORG, after=after, dry_run=True), stop)
        except KeyboardInterrupt:
            stops += 1
            seen += latest[-1].messages
            after = read_cursor(str(latest[-1].facts()["next"]))
            continue
        seen += done.messages
        break
    assert stops > 2
    assert seen == whole.messages


def test_only_what_came_since_is_read(bridge: BridgeServer, agent: Agent) -> None:
    bridge.clock.advance(3600)
    now = bridge.clock.now()
    deliver(bridge, activity(bridge, agent.person))
    assert again(bridge, since=now, dry_run=True).messages == 1


def test_an_unknown_source_and_a_cursor_of_nobody_are_refused() -> None:
    with pytest.raises(InvalidInput, match="source_unknown"):
        ReplayAsked(ORG, source="pigeon")
    for wrong in ("", "x", "@1", "x@", "x@-1", "x@1.5", f"x@{'9' * 30}"):
        with pytest.raises(InvalidInput, match="cursor_malformed"):
            read_cursor(wrong)
    assert read_cursor(cursor(("org_demo:xapi", 7))) == ("org_demo:xapi", 7)


def test_the_commands_speak_json_on_one_line(
    bridge: BridgeServer, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = bridge.house.settings
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(Path(settings.var)))
    monkeypatch.setenv("ANXUE_DATABASE_URL", settings.database_url)
    deliver(bridge, score_message(bridge, bridge.someone()))
    (held, *_) = set_aside(bridge)

    read = _told("replay", "--dry-run", "--source", "webhook")
    assert (read["complete"], read["claims"]["missing"]) == (True, 0)
    listed = _told("quarantine", "list", "--source", "webhook")
    assert held.id in {one["id"] for one in listed["quarantine"]}
    shown = _told("quarantine", "show", held.id)
    assert (shown["reason"], [one["what"] for one in shown["steps"]]) == ("account_unknown", ["set_aside"])
    left = _told("quarantine", "replay", held.id, code=1)
    assert [one["attempts"] for one in left["left"]] == [2]
    assert _told("quarantine", "discard", held.id, "--reason", "重复")["state"] == "discarded"
    assert _told("quarantine", "restore", held.id)["state"] == "waiting"
    assert _told("quarantine", "show", "qua_none", code=1)["reason"] == "quarantine_unknown"
    assert "实名" in _said("quarantine", "list")
    assert "条消息" in _said("replay", "--dry-run")


def _lose(bridge: BridgeServer, statement: str) -> None:
    with bridge.house.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount


def _said(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["intake", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def _told(*arguments: str, code: int = 0) -> dict[str, Any]:
    said = _said(*arguments, "--json", code=code)
    assert said.count("\n") == 1
    told: dict[str, Any] = json.loads(said)
    return told
