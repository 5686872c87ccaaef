import math
import struct
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import (
    HINT_SENTENCES,
    DetectedFace,
    FaceObservation,
    FaceTemplate,
    FaceVerdict,
    LifeSigns,
    QualityHint,
    comparison_score,
    judge,
)
from bridge.presence.face_pack import (
    CommercialUse,
    LivenessLimits,
    RecordedLicence,
    Thresholds,
    licence_objections,
)
from plugins.presence.pack import load_pack

PACK = load_pack()
RECOGNISER = PACK.model("recogniser")
LIMITS = PACK.thresholds


def template(angle: float, model_id: str = RECOGNISER.id) -> FaceTemplate:
    """A template whose score against `template(0)` is cos(angle)."""
    numbers = [math.cos(angle), math.sin(angle)] + [0.0] * 510
    return FaceTemplate(struct.pack("<512f", *numbers), model_id, RECOGNISER.sha256 or "")


def face(score: float, width_px: int = 180) -> DetectedFace:
    return DetectedFace((200, 100, width_px, 220), score, ((0, 0),) * 5, width_px)


def seen(
    *scores: float,
    made: FaceTemplate | None,
    hints: tuple[QualityHint, ...] = (),
    live: float | None = 0.95,
    width_px: int = 180,
) -> FaceObservation:
    faces = tuple(face(score, width_px) for score in scores)
    return FaceObservation(faces, hints, made, faces[0] if faces else None, LifeSigns(live))


REFERENCE = template(0)
TODAY = date(2026, 11, 28)


@given(st.floats(0, math.pi))
def test_one_good_face_is_judged_by_the_thresholds_alone(angle: float) -> None:
    made = template(angle)
    score = comparison_score(made, REFERENCE)
    judgement = judge(seen(0.9, made=made), REFERENCE, PACK)
    assert judgement.score == score
    if score >= LIMITS.verify:
        assert judgement.verdict is FaceVerdict.VERIFIED
    elif score >= LIMITS.other_person_below:
        assert judgement.verdict is FaceVerdict.UNSURE
    else:
        assert judgement.verdict is FaceVerdict.OTHER_PERSON
    assert judgement.parameter is not None
    assert judgement.threshold == getattr(LIMITS, judgement.parameter)


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (0.45, FaceVerdict.VERIFIED),
        (0.37, FaceVerdict.UNSURE),
        (0.31, FaceVerdict.UNSURE),
        (0.29, FaceVerdict.OTHER_PERSON),
        (-0.2, FaceVerdict.OTHER_PERSON),
    ],
)
def test_between_the_thresholds_nothing_is_decided(score: float, verdict: FaceVerdict) -> None:
    assert judge(seen(0.9, made=template(math.acos(score))), REFERENCE, PACK).verdict is verdict


@given(
    st.lists(st.floats(LIMITS.several_faces_score, 1), min_size=2, max_size=5),
    st.lists(st.floats(0, LIMITS.several_faces_score, exclude_max=True), max_size=3),
    st.sampled_from([None, REFERENCE]),
)
def test_two_sure_faces_are_several_whatever_else_is_seen(
    sure: list[float], doubtful: list[float], made: FaceTemplate | None
) -> None:
    judgement = judge(seen(*sure, *doubtful, made=made), REFERENCE, PACK)
    assert judgement.verdict is FaceVerdict.SEVERAL_FACES
    assert judgement.score == sorted(sure)[-2]


@given(st.lists(st.floats(0, LIMITS.several_faces_score, exclude_max=True), max_size=4))
def test_doubtful_faces_beside_a_sure_one_do_not_make_several(doubtful: list[float]) -> None:
    judgement = judge(seen(0.9, *doubtful, made=REFERENCE), REFERENCE, PACK)
    assert judgement.verdict is FaceVerdict.VERIFIED


@given(st.lists(st.floats(0, LIMITS.face_score, exclude_max=True), max_size=4))
def test_what_scores_below_a_face_is_no_face(scores: list[float]) -> None:
    judgement = judge(seen(*scores, made=None), REFERENCE, PACK)
    assert (judgement.verdict, judgement.score) == (FaceVerdict.NO_FACE, None)


@given(st.sets(st.sampled_from(QualityHint)))
def test_a_poor_face_is_never_held_against_anybody_and_is_told_what_to_do(hints: set[QualityHint]) -> None:
    judgement = judge(seen(0.9, made=None, hints=tuple(hints)), REFERENCE, PACK)
    assert (judgement.verdict, judgement.score) == (FaceVerdict.TOO_POOR, None)
    assert judgement.reason_zh
    assert all(HINT_SENTENCES[hint] in judgement.reason_zh for hint in hints)


def test_two_doubtful_faces_are_too_poor_not_several() -> None:
    assert judge(seen(0.7, 0.7, made=None), REFERENCE, PACK).verdict is FaceVerdict.TOO_POOR


@pytest.mark.parametrize("of_frame", [True, False])
def test_templates_of_another_model_are_refused(of_frame: bool) -> None:
    foreign = template(0, "another-model")
    frame, reference = (foreign, REFERENCE) if of_frame else (REFERENCE, foreign)
    with pytest.raises(InvalidInput) as refused:
        judge(seen(0.9, made=frame), reference, PACK)
    assert refused.value.reason == "face_model_differs"


def test_two_templates_of_a_model_that_is_not_the_packs_are_refused() -> None:
    foreign = template(0, "another-model")
    with pytest.raises(InvalidInput, match="face_model_differs"):
        judge(seen(0.9, made=foreign), foreign, PACK)


@given(st.floats(0, math.pi), st.floats(0, math.pi))
def test_the_score_is_the_cosine_and_does_not_know_which_came_first(a: float, b: float) -> None:
    score = comparison_score(template(a), template(b))
    assert score == comparison_score(template(b), template(a))
    assert score == pytest.approx(math.cos(a - b), abs=1e-6)
    assert -1 <= score <= 1


def test_a_template_shows_no_number_in_its_repr() -> None:
    assert repr(REFERENCE) == f"FaceTemplate({RECOGNISER.id})"


@pytest.mark.parametrize("verify", [0.1, 1.2])
def test_thresholds_that_contradict_each_other_are_refused(verify: float) -> None:
    with pytest.raises(ValueError, match="other_person_below"):
        Thresholds(
            verify=verify, other_person_below=0.3, face_score=0.6, several_faces_score=0.8, min_face_px=80
        )


def test_the_default_pack_raises_no_objection_and_says_that_its_provenance_is_unknown() -> None:
    assert licence_objections(PACK, TODAY) == ()
    assert {model.licence.provenance for model in PACK.models} == {"unknown"}


@pytest.mark.parametrize("use", [CommercialUse.UNKNOWN, CommercialUse.FORBIDDEN])
def test_a_model_without_a_right_to_use_is_named_to_the_operator(use: CommercialUse) -> None:
    licence = replace(RECOGNISER.licence, stated="research", commercial_use=use)
    pack = replace(PACK, models=(*PACK.models[:2], replace(RECOGNISER, licence=licence)))
    (objection,) = licence_objections(pack, TODAY)
    assert RECOGNISER.id in objection


RECORDED = RecordedLicence(
    RECOGNISER.sha256 or "",
    "某某科技有限公司",
    "合同 2026-118",
    "张某",
    date(2026, 11, 1),
    date(2026, 11, 28),
)


@pytest.mark.parametrize(
    ("recorded", "objections"),
    [
        (RECORDED, 0),
        (replace(RECORDED, until=None), 0),
        (replace(RECORDED, until=date(2026, 11, 27)), 1),
        (replace(RECORDED, sha256="0" * 64), 1),
    ],
    ids=["its last day", "without end", "ended", "for other weights"],
)
def test_a_licence_that_the_operator_recorded_covers_these_weights_while_it_lasts(
    recorded: RecordedLicence, objections: int
) -> None:
    licence = replace(RECOGNISER.licence, commercial_use=CommercialUse.FORBIDDEN)
    models = (*PACK.models[:2], replace(RECOGNISER, licence=licence))
    pack = replace(PACK, models=models, recorded=(recorded,))
    assert len(licence_objections(pack, TODAY)) == objections


LIVENESS = PACK.liveness or LivenessLimits(1, 1, 0)


@given(st.floats(0, 1), st.floats(0, math.pi))
def test_a_picture_of_a_face_never_passes_whoever_it_shows(live: float, angle: float) -> None:
    judgement = judge(seen(0.9, made=template(angle), live=live), REFERENCE, PACK)
    if live < LIVENESS.spoof_below:
        assert judgement.verdict is FaceVerdict.SUSPECTED_SPOOF
        assert (judgement.score, judgement.threshold, judgement.parameter) == (
            live, LIVENESS.spoof_below, "spoof_below",
        )  # fmt: skip
    elif live < LIVENESS.live:
        assert judgement.verdict is FaceVerdict.UNSURE
    else:
        assert judgement.verdict is not FaceVerdict.SUSPECTED_SPOOF
    assert judgement.verdict is not FaceVerdict.VERIFIED or live >= LIVENESS.live


@pytest.mark.parametrize("live", [0.01, 0.99])
def test_of_a_small_face_nothing_is_said_and_it_is_asked_to_come_closer(live: float) -> None:
    small = seen(0.9, made=REFERENCE, live=live, width_px=LIVENESS.live_min_face_px - 1)
    judgement = judge(small, REFERENCE, PACK)
    assert (judgement.verdict, judgement.parameter) == (FaceVerdict.TOO_POOR, "live_min_face_px")
    assert judgement.reason_zh == HINT_SENTENCES[QualityHint.TOO_SMALL]


def test_a_frame_without_a_live_score_is_unsure_where_the_pack_asks_for_one() -> None:
    assert judge(seen(0.9, made=REFERENCE, live=None), REFERENCE, PACK).verdict is FaceVerdict.UNSURE
    unsigned = replace(seen(0.9, made=REFERENCE), signs=None)
    assert judge(unsigned, REFERENCE, PACK).verdict is FaceVerdict.UNSURE
    without = replace(PACK, liveness=None)
    assert judge(unsigned, REFERENCE, without).verdict is FaceVerdict.VERIFIED


@pytest.mark.parametrize(("live", "spoof_below"), [(0.3, 0.6), (1.1, 0.3), (0.6, -0.1)])
def test_liveness_limits_that_contradict_each_other_are_refused(live: float, spoof_below: float) -> None:
    with pytest.raises(ValueError, match="spoof_below"):
        LivenessLimits(live=live, spoof_below=spoof_below, live_min_face_px=120)
