"""How far photographs of one person lie apart is told by the command `face spread`, on photographs made at run time."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bridge.kernel.errors import InvalidInput
from plugins.presence.commands import face
from plugins.presence.onnx_engine import OnnxFaceEngine
from plugins.presence.photographs import View, jpeg_frame, learner_frame, no_face_frame, other_person_frame
from plugins.presence.spread import measure_spread, to_centre


def test_the_fit_gives_back_what_scores_were_made_of() -> None:
    made = np.array([0.9, 0.8, 0.7, 0.6, 0.85])

    assert to_centre(np.outer(made, made)) == pytest.approx(made, abs=1e-6)


def test_the_fit_reads_no_score_of_a_photograph_with_itself() -> None:
    made = np.array([0.9, 0.8, 0.7])
    scores = np.outer(made, made)
    np.fill_diagonal(scores, 123.0)

    assert to_centre(scores) == pytest.approx(made, abs=1e-6)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with three views each, a third with too few, and a picture with nobody."""
    folder = tmp_path_factory.mktemp("people")
    views = (View(), View(tilt_degrees=6), View(zoom=0.8))
    for name, frame in (("one", learner_frame), ("two", other_person_frame)):
        (folder / name).mkdir()
        for number, view in enumerate(views):
            (folder / name / f"{number}.jpg").write_bytes(jpeg_frame(frame(view)))
    (folder / "two" / "cup.jpg").write_bytes(jpeg_frame(no_face_frame()))
    (folder / "two" / "notes.txt").write_text("no picture", encoding="utf-8")
    (folder / "three").mkdir()
    (folder / "three" / "0.jpg").write_bytes(jpeg_frame(learner_frame()))
    return folder


def test_pairs_are_counted_by_person_and_who_has_too_few_is_left_out(
    engine: OnnxFaceEngine, people: Path
) -> None:
    seen: list[tuple[int, int]] = []

    found = measure_spread(engine, people, lambda done, total: seen.append((done, total)))

    assert (found.people, found.images, found.failures_to_detect) == (2, 8, 1)
    assert (found.genuine_pairs, found.impostor_pairs) == (6, 9)
    assert found.genuine.lowest > found.impostor.highest
    assert found.genuine.mean == pytest.approx(found.to_centre.mean**2, abs=0.02)
    assert seen[-1] == (8, 8)


def test_one_person_shows_nothing_of_strangers(engine: OnnxFaceEngine, people: Path, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(people / "one")

    with pytest.raises(InvalidInput) as refused:
        measure_spread(engine, tmp_path)

    assert refused.value.reason == "spread_too_few"


def test_the_command_prints_one_line_of_json_or_a_table(people: Path) -> None:
    printed = CliRunner().invoke(face, ["spread", "--images", str(people), "--json"])
    table = CliRunner().invoke(face, ["spread", "--images", str(people)])

    found = json.loads(printed.stdout)
    assert (printed.exit_code, table.exit_code) == (0, 0)
    assert (found["pack"], found["people"]) == ("default", 2)
    assert f"mean {found['genuine']['mean']}" in table.stdout
