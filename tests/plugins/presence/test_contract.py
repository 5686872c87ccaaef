"""What holds for every engine behind the port: the default pack's and an operator's folder on insightface."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.presence.face import FaceTemplate, FaceVerdict, judge
from bridge.settings import Settings
from bridge.setup.assets import assets_dir
from bridge.wiring import House
from plugins.presence import photographs
from plugins.presence.alignment import align
from plugins.presence.engines import open_engine
from plugins.presence.examiner import FaceExaminer
from plugins.presence.insightface_engine import SIGNS_FOLDER
from plugins.presence.operator_pack import make_pack
from plugins.presence.photographs import View, jpeg_frame, learner_id_photo
from plugins.presence.pictures import Picture


@pytest.fixture(scope="session")
def operator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pack(tmp_path_factory.mktemp("packs") / "operator", assets_dir())


@pytest.fixture(scope="session")
def engines(engine: FaceExaminer, operator_folder: Path) -> dict[str, FaceExaminer]:
    return {"yuface": engine, "insightface": open_engine(assets_dir(), str(operator_folder))}


@pytest.fixture(params=["yuface", "insightface"])
def each(request: pytest.FixtureRequest, engines: dict[str, FaceExaminer]) -> FaceExaminer:
    return engines[request.param]


def reference(engine: FaceExaminer) -> FaceTemplate:
    template = engine.observe(learner_id_photo()).template
    assert template is not None
    return template


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (photographs.learner_frame, FaceVerdict.VERIFIED),
        (
            lambda: photographs.learner_frame(View(tilt_degrees=8, shift_x=40, light=0.6)),
            FaceVerdict.VERIFIED,
        ),
        (photographs.other_person_frame, FaceVerdict.OTHER_PERSON),
        (photographs.two_faces_frame, FaceVerdict.SEVERAL_FACES),
        (photographs.no_face_frame, FaceVerdict.NO_FACE),
        (photographs.dark_frame, FaceVerdict.TOO_POOR),
        (photographs.blurred_frame, FaceVerdict.TOO_POOR),
    ],
    ids=["learner", "learner tilted", "another person", "two faces", "empty room", "dark", "blurred"],
)
def test_each_engine_leads_to_the_same_verdicts(
    each: FaceExaminer, make: Callable[[], Picture], verdict: FaceVerdict
) -> None:
    judgement = judge(each.observe(jpeg_frame(make())), reference(each), each.pack)
    assert judgement.verdict is verdict, judgement


def test_templates_are_of_unit_length_and_carry_the_model_and_its_hash(each: FaceExaminer) -> None:
    template, model = reference(each), each.pack.model("recogniser")
    assert (template.model_id, template.model_sha256) == (model.id, model.sha256)
    assert np.linalg.norm(np.frombuffer(template.vector, "<f4")) == pytest.approx(1, abs=1e-6)
    assert each.compare(template, template) == pytest.approx(1, abs=1e-6)


def test_templates_of_two_engines_are_never_compared(engines: dict[str, FaceExaminer]) -> None:
    default, operator = engines["yuface"], engines["insightface"]
    seen = operator.observe(jpeg_frame(photographs.learner_frame()))
    with pytest.raises(InvalidInput, match="face_model_differs"):
        judge(seen, reference(default), operator.pack)
    with pytest.raises(InvalidInput, match="face_model_differs"):
        operator.compare(reference(default), reference(operator))


def test_a_frame_gives_the_same_in_any_thread(each: FaceExaminer) -> None:
    jpeg = jpeg_frame(photographs.learner_frame())
    expected, found = each.observe(jpeg), []
    threads = [threading.Thread(target=lambda: found.append(each.observe(jpeg))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 6


def test_what_is_no_frame_is_refused(each: FaceExaminer) -> None:
    with pytest.raises(InvalidInput, match="frame_not_jpeg"):
        each.observe(b"<svg/>")


def test_the_colours_of_a_bgr_recogniser_are_put_right(engines: dict[str, FaceExaminer]) -> None:
    """Both packs hold one recogniser: of one aligned face it says the same, whoever feeds it."""
    (located,) = engines["yuface"].locate(photographs.other_person_frame())
    aligned = align(photographs.other_person_frame(), located.five)
    one, other = (engine.embed(aligned) for engine in engines.values())
    assert float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)) > 0.999


def test_missing_and_altered_weights_stop_an_operators_pack(tmp_path: Path) -> None:
    folder = make_pack(tmp_path / "pack", assets_dir())
    content = bytearray((folder / "recogniser.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "recogniser.onnx").write_bytes(content)
    with pytest.raises(Unavailable, match="face_weights_altered") as stopped:
        open_engine(assets_dir(), str(folder))
    assert stopped.value.permanent
    (folder / "recogniser.onnx").unlink()
    with pytest.raises(Unavailable, match="face_weights_missing"):
        open_engine(assets_dir(), str(folder))


def test_a_file_beside_the_named_ones_is_never_taken_in_their_place(tmp_path: Path) -> None:
    folder = make_pack(tmp_path / "pack", assets_dir())
    liveness = (folder / SIGNS_FOLDER / "liveness.onnx").read_bytes()
    (folder / "a-first-in-the-alphabet.onnx").write_bytes(liveness)
    with pytest.raises(Unavailable, match="face_pack_unsuitable") as stopped:
        open_engine(assets_dir(), str(folder))
    assert stopped.value.permanent


def test_a_pack_without_a_liveness_model_never_suspects_and_says_nothing(tmp_path: Path) -> None:
    engine = open_engine(assets_dir(), str(make_pack(tmp_path / "pack", assets_dir(), with_liveness=False)))
    seen = engine.observe(jpeg_frame(photographs.learner_frame()))
    assert seen.signs is not None
    assert seen.signs.live is None
    assert judge(seen, reference(engine), engine.pack).verdict is FaceVerdict.VERIFIED


LICENCE = """- sha256: {sha256}
  granted_by: 某某科技有限公司
  reference: 授权书 2026-118
  recorded_by: 张某
  recorded_on: 2026-11-20
"""


@pytest.mark.parametrize("commercial_use", ["forbidden", "unknown"])
def test_real_use_needs_a_licence_that_the_operator_recorded(
    tmp_path: Path, production: Settings, commercial_use: str
) -> None:
    folder = make_pack(
        tmp_path / "pack", assets_dir(), commercial_use=commercial_use, stated="non-commercial research"
    )
    settings = production.model_copy(update={"face_pack": str(folder)})
    with pytest.raises(Unavailable, match="face_licence") as stopped:
        House(settings).engine_for_faces  # noqa: B018  # built by being looked at
    assert "登记" in stopped.value.message
    models = open_engine(assets_dir(), str(folder)).pack.models
    licences = "".join(LICENCE.format(sha256=model.sha256) for model in models)
    (folder / "licence.yaml").write_text(licences, encoding="utf-8")
    house = House(settings)
    assert house.engine_for_faces.pack.id == "made-operator-pack"
    assert house.recogniser.id == "made-recogniser"


@pytest.mark.parametrize(
    "text",
    [
        "- {sha256: abc}",
        LICENCE.format(sha256="0" * 64).replace("2026-11-20", "soon"),
        LICENCE.format(sha256="0" * 64).replace("张某", "''"),
        "sha256: abc",
    ],
    ids=["half", "no date", "signed by nobody", "no list"],
)
def test_a_licence_file_that_says_too_little_is_refused(tmp_path: Path, text: str) -> None:
    folder = make_pack(tmp_path / "pack", assets_dir())
    (folder / "licence.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Unavailable, match="face_pack_invalid"):
        open_engine(assets_dir(), str(folder))
