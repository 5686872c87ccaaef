import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.setup.assets import assets_dir
from plugins.presence import photographs
from plugins.presence.bench import run as run_bench
from plugins.presence.commands import face
from plugins.presence.evaluate import equal_error_rate, evaluate, read_pairs
from plugins.presence.onnx_engine import OnnxFaceEngine
from plugins.presence.photographs import View, jpeg_frame
from plugins.presence.pictures import Picture


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import cv2

    folder = tmp_path_factory.mktemp("images")
    (folder / "one").mkdir()
    (folder / "one" / "a.jpg").write_bytes(photographs.learner_id_photo())
    (folder / "one" / "b.jpg").write_bytes(jpeg_frame(photographs.learner_frame(View(tilt_degrees=5))))
    large = cv2.resize(photographs.learner_frame(), None, fx=5, fy=5)
    cv2.imwrite(str(folder / "one" / "large.png"), large)
    (folder / "two.jpg").write_bytes(jpeg_frame(photographs.other_person_frame()))
    (folder / "cup.jpg").write_bytes(jpeg_frame(photographs.no_face_frame()))
    (folder / "words.jpg").write_text("这不是图片", encoding="utf-8")
    return folder


def run(pairs: Path, images: Path, *more: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(face, ["evaluate", "--pairs", str(pairs), "--images", str(images), *more])
    return result.exit_code, result.stdout, result.stderr


def test_pairs_give_one_line_of_json_with_rates_and_counts(images: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "file_a,file_b,same\none/a.jpg,one/b.jpg,1\none/a.jpg,one/large.png,TRUE\n"
        "one/a.jpg,two.jpg,0\none/large.png,two.jpg,false\none/a.jpg,cup.jpg,0\n",
        encoding="utf-8",
    )
    code, out, err = run(pairs, images, "--json")
    assert code == 0, err
    assert out.count("\n") == 1
    assert "5/5" in err
    result = json.loads(out)
    assert result.items() >= {"eer": 0, "fmr": 0, "fnmr": 0, "genuine": 2, "impostor": 2}.items()
    assert result.items() >= {"images": 5, "failures_to_detect": 1, "threshold": 0.38}.items()


def test_wrong_labels_show_as_errors(images: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("file_a,file_b,same\none/a.jpg,one/b.jpg,0\none/a.jpg,two.jpg,1\n", encoding="utf-8")
    _, out, _ = run(pairs, images, "--json")
    result = json.loads(out)
    assert (result["eer"], result["fmr"], result["fnmr"]) == (1, 1, 1)


def test_a_rate_that_no_pair_can_tell_is_null(images: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("file_a,file_b,same\none/a.jpg,one/b.jpg,1\n", encoding="utf-8")
    _, out, _ = run(pairs, images, "--json")
    result = json.loads(out)
    assert (result["eer"], result["fmr"], result["fnmr"]) == (None, None, 0)


def test_without_json_each_figure_has_its_line(images: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("file_a,file_b,same\none/a.jpg,two.jpg,0\n", encoding="utf-8")
    code, out, _ = run(pairs, images)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:5] == ["pack", "threshold", "eer", "fmr", "fnmr"]


def test_each_photograph_is_embedded_once(
    engine: OnnxFaceEngine, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "file_a,file_b,same\none/a.jpg,one/b.jpg,1\none/a.jpg,two.jpg,0\none/b.jpg,two.jpg,0\n",
        encoding="utf-8",
    )
    asked: list[tuple[int, ...]] = []
    embed = engine.template_of_main_face

    def counted(picture: Picture) -> object:
        asked.append(picture.shape)
        return embed(picture)

    monkeypatch.setattr(engine, "template_of_main_face", counted)
    rates = evaluate(engine, read_pairs(pairs), images)
    assert (len(asked), rates.genuine, rates.impostor) == (3, 1, 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "pairs_columns"),
        (b"a.jpg,b.jpg,1\n", "pairs_columns"),
        (b"file_a,file_b\na.jpg,b.jpg\n", "pairs_columns"),
        (b"file_a,file_b,same\n", "pairs_empty"),
        (b"file_a,file_b,same\na.jpg,b.jpg,maybe\n", "pairs_row"),
        (b"file_a,file_b,same\na.jpg,b.jpg\n", "pairs_row"),
        (b"file_a,file_b,same\na.jpg,,1\n", "pairs_row"),
        (b"\xff\xfe\x00", "pairs_unreadable"),
        (b'file_a,file_b,same\n"a.jpg,b.jpg,1\n', "pairs_unreadable"),
        (b"file_a,file_b,same\nnobody.jpg,two.jpg,1\n", "picture_missing"),
        (b"file_a,file_b,same\nwords.jpg,two.jpg,1\n", "picture_unreadable"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_an_empty_stdout(
    images: Path, tmp_path: Path, content: bytes, reason: str
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_bytes(content)
    code, out, err = run(pairs, images, "--json")
    assert (code, out) == (1, "")
    assert reason in err
    assert "Traceback" not in err


def test_a_bad_row_is_named_by_its_line(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("file_a,file_b,same\r\na,b,1\r\n\r\na,b,2\r\n", encoding="utf-8-sig")
    with pytest.raises(InvalidInput, match="第 4 行"):
        read_pairs(pairs)


SCORES = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_the_equal_error_rate_is_a_fraction_and_zero_when_the_scores_part(
    genuine: list[float], impostor: list[float]
) -> None:
    rate = equal_error_rate(np.array(genuine), np.array(impostor))
    assert rate is not None
    assert 0 <= rate <= 1
    if min(genuine) > max(impostor):
        assert rate == 0
    if max(genuine) < min(impostor):
        assert rate >= 0.5


def test_the_equal_error_rate_of_a_known_case() -> None:
    genuine, impostor = np.array([0.2, 0.6, 0.7, 0.8]), np.array([0.1, 0.15, 0.3, 0.65])
    assert equal_error_rate(genuine, impostor) == 0.25
    assert equal_error_rate(genuine, np.array([])) is None


def test_the_bench_has_its_keys_and_runs_the_bare_models_beside_ours() -> None:
    result = run_bench(assets_dir(), rounds=3)
    peer, analysis, dlib = result["peers"]
    assert (result["name"], result["n"], peer["name"], peer["unit"]) == ("face", 30, "bare model runs", "ms")
    assert result["overhead_ratio"] == peer["ratio"]
    assert result["overhead_ratio"] == pytest.approx(result["ms_per_frame"] / peer["figure"], rel=0.01)
    assert analysis["ratio"] == pytest.approx(result["ms_per_frame"] / analysis["figure"], rel=0.01)
    assert analysis["name"].startswith("insightface FaceAnalysis")
    # It looked at the same ten frames, and found the face in each of them.
    assert "(10 of 10 found)" in dlib["name"]
    assert dlib["ratio"] == pytest.approx(result["ms_per_frame"] / dlib["figure"], rel=0.01)
    one, two = result["frames_per_second"], result["frames_per_second_two_workers"]
    assert one > 0
    assert result["two_workers_ratio"] == pytest.approx(two / one, rel=0.01)
