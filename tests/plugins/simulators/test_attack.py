"""The attack command in its short form; and that its measure sees a second that was forged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bridge.ledger.model.settlement as settlement
import plugins.simulators.attack.command as command
from bridge.kernel.intervals import IntervalSet
from bridge.ledger.model.presence import Proof
from bridge.presence import movements
from bridge.presence.challenge import Move
from bridge.presence.movements import Movements
from plugins.presence.frame_marks import PixelMarks
from plugins.simulators.attack import cheats_of_clients as clients
from plugins.simulators.attack import cheats_of_tools as tools
from plugins.simulators.attack.campaign import Plan, Report, campaign
from plugins.simulators.attack.cheat import Cheat
from plugins.simulators.attack.cheats import CHEATS
from plugins.simulators.attack.page import as_markdown
from plugins.simulators.attack.registration import FALSE_FACES
from plugins.simulators.attack.scenario import play
from plugins.simulators.attack.stage import Stage, stage

MINUTES = 16
"""Longer than the longest gap between two checks: in each round at least one is asked for."""
STORED: tuple[type[Cheat], ...] = (tools.StoredFace, tools.StoredPoses, tools.StoredFilm)
SHORT = Plan(
    alone=(
        tools.ReportDirectly,
        tools.DragToEnd,
        tools.BlockChecks,
        *STORED,
        clients.OtherPerson,
        clients.Replay,
        clients.ParallelCalls,
    ),
    pairs=((tools.Clicker, tools.ManyReports), (clients.TwoDevices, tools.SameFaceAgain)),
    tries=8,
    minutes=MINUTES,
    pair_minutes=MINUTES,
    honest_minutes=8,
)


# The whole campaign stands in the first test's set-up: every check of it is answered with five pictures.
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def report() -> Report:
    return campaign(SHORT, lambda _title: None)


def test_nothing_is_forged_and_no_honest_second_lost(report: Report) -> None:
    assert (report.forged_seconds, report.honest_lost_seconds) == (0, 0)
    assert report.attempted_seconds > len(SHORT.alone) * MINUTES * 60
    # The honest beginning and end of each attack count: what was forged is told from what was not.
    assert all(one.credited_seconds > 0 for one in report.pairs if "two-devices" not in one.id)


def test_honest_learners_are_credited(report: Report) -> None:
    assert all(one.studied_seconds >= 300 for one in report.honest)
    # A check may fall to within the gap limit before the learner leaves: then they are not asked again.
    assert max(one.lost_seconds for one in report.honest) <= 30
    struck = ("packet-loss", "outage", "tabs", "other-device", "dragged")
    assert all(one.incidents for one in report.honest if one.id in struck)


def test_a_stored_face_at_registration_earns_nothing(report: Report) -> None:
    stored = next(one for one in report.alone if one.id == "X8")

    assert stored.in_total
    assert (stored.attempted_seconds, stored.credited_seconds, stored.forged_seconds) == (MINUTES * 60, 0, 0)


@pytest.mark.parametrize("id", [cheat.id for cheat in STORED])
def test_stored_pictures_at_checks_during_study_forge_nothing(report: Report, id: str) -> None:
    got = next(one for one in report.alone if one.id == id)

    assert got.in_total
    assert got.forged_seconds == 0
    # What lies between the learner's own two passes, up to the check that was not passed, is the gap limit's.
    assert got.refused_seconds["check_missed"] > 0


def test_what_is_not_stopped_is_told_with_what_it_gets_and_is_in_no_total(report: Report) -> None:
    got = next(one for one in report.alone if one.id == "X8p")

    assert got.defended_by.startswith("not stopped")
    assert not got.in_total
    assert got.forged_seconds > 0, "it is stopped now: let it join the total"


def test_each_attack_was_really_tried(report: Report) -> None:
    by_id = {one.id: one for one in report.alone}

    assert by_id["replayed-beats"].refusals["seq_out_of_order"] > 100
    assert by_id["X1"].attempted_seconds > 5 * MINUTES * 60
    assert by_id["other-person"].refused_seconds["other_person"] > 0
    assert by_id["X4"].refused_seconds["check_missed"] > 0


def test_every_row_of_the_corpus_stands_in_the_whole_form() -> None:
    ids = [cheat.id for cheat in CHEATS]

    assert len(set(ids)) == len(ids)
    faces = [kind.id for kind in FALSE_FACES]
    assert not set(ids) & set(faces)
    assert {f"X{number}" for number in range(1, 14)} <= {one.rstrip("abc") for one in [*ids, *faces]}
    assert all(cheat.title_zh and cheat.defended_by and cheat.__doc__ for cheat in CHEATS)
    assert len(Plan().pairs) == len(ids) * (len(ids) - 1) // 2


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage"), 10) as made:
        yield made


def all_settled(wall: Any, checks: Any, rules: Any, *, left: bool, anchors: Any) -> Proof:
    return Proof(IntervalSet([wall]), {})


@pytest.mark.parametrize("cheat", [tools.BlockChecks, clients.OtherPerson])
def test_without_the_proof_of_presence_the_measure_sees_what_is_forged(
    ground: Stage, monkeypatch: pytest.MonkeyPatch, cheat: type[Cheat]
) -> None:
    monkeypatch.setattr(settlement, "prove", all_settled)

    assert play(ground, [cheat], MINUTES, seed=1).forged_seconds > 60


def test_without_a_movement_at_checks_the_measure_sees_what_stored_pictures_forge(
    ground: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Movements, "follow", lambda _self, _check: False)

    assert play(ground, [tools.StoredFace], MINUTES, seed=1).forged_seconds > 60


@pytest.mark.parametrize(
    ("method", "answer", "cheat"),
    [("same_place", 1.0, tools.StoredPoses), ("difference", 9.0, tools.StoredFilm)],
    ids=["one take", "copies"],
)
def test_without_looking_for_it_the_measure_sees_what_it_forges(
    ground: Stage, monkeypatch: pytest.MonkeyPatch, method: str, answer: float, cheat: type[Cheat]
) -> None:
    # The one movement that the tool has is always asked for: no chance saves the bridge, and none fails the test.
    monkeypatch.setattr(movements, "check_moves", lambda _pack: (Move.TURN_LEFT,))
    assert play(ground, [cheat], MINUTES, seed=1).forged_seconds == 0
    monkeypatch.setattr(PixelMarks, method, lambda _self, _a, _b, _box: answer)

    assert play(ground, [cheat], MINUTES, seed=1).forged_seconds > 60


@pytest.mark.parametrize(("forged", "status"), [(0, 0), (1, 1)])
def test_the_command_prints_one_object_writes_the_page_and_fails_on_a_forged_second(
    report: Report, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forged: int, status: int
) -> None:
    told: list[str] = []

    def played(plan: Plan, hears: Callable[[str], None], processes: int) -> Report:
        assert plan.pairs == ()
        told.append("played")
        return report

    monkeypatch.setattr(command, "campaign", played)
    monkeypatch.setattr(Report, "forged_seconds", property(lambda _self: forged))
    page = tmp_path / "attacks.md"

    done = CliRunner().invoke(command.attack, ["--json", "--alone", "--table", str(page)])

    assert (done.exit_code, told) == (status, ["played"])
    printed = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    rows = len(SHORT.registrations) + len(SHORT.alone) + len(SHORT.pairs)
    assert (printed["forged_seconds"], len(printed["rows"])) == (forged, rows)
    assert f"forged: {forged} s" in page.read_text(encoding="utf-8")


def test_several_processes_play_the_same_rounds_and_tell_them_in_their_order() -> None:
    plan = Plan(
        registrations=(),
        alone=(tools.DragToEnd, tools.ReportDirectly),
        pairs=((tools.Clicker, tools.ManyReports),),
        minutes=1,
        pair_minutes=1,
        honest_minutes=2,
        troubles=("steady", "tabs"),
    )
    told: list[str] = []

    many = campaign(plan, told.append, processes=2)

    assert [row.id for row in many.alone] == [cheat.id for cheat in plan.alone]
    assert [row.id for row in many.pairs] == ["+".join(cheat.id for cheat in team) for team in plan.pairs]
    assert [row.id for row in many.honest] == list(plan.troubles)
    assert (many.forged_seconds, many.honest_lost_seconds) == (0, 0)
    assert many.attempted_seconds > 60 * len(plan.alone)
    assert len(told) == plan.rounds


def test_the_page_names_every_attack(report: Report) -> None:
    from datetime import date

    written = as_markdown(report, date(2026, 11, 28), alone=False)

    assert all(f"| {one.id} |" in written for one in (*report.alone, *report.pairs))
    assert "not stopped" in written
