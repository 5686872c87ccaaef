import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.presence.face import (
    HINT_SENTENCES,
    CommercialUse,
    DetectedFace,
    FaceObservation,
    FaceTemplate,
    FaceVerdict,
    QualityHint,
    Thresholds,
    comparison_score,
    judge,
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


def face(score: float) -> DetectedFace:
    return DetectedFace((200, 100, 180, 220), score, ((0, 0),) * 5, 180)


def seen(*scores: float, made: FaceTemplate | None, hints: tuple[QualityHint, ...] = ()) -> FaceObservation:
    return FaceObservation(tuple(face(score) for score in scores), hints, made)


REFERENCE = template(0)


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
        (0.39, FaceVerdict.UNSURE),
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
    assert licence_objections(PACK) == ()
    assert {model.licence.provenance for model in PACK.models} == {"unknown"}


@pytest.mark.parametrize("use", [CommercialUse.UNKNOWN, CommercialUse.FORBIDDEN])
def test_a_model_without_a_right_to_use_is_named_to_the_operator(use: CommercialUse) -> None:
    licence = replace(RECOGNISER.licence, stated="research", commercial_use=use)
    pack = replace(PACK, models=(*PACK.models[:2], replace(RECOGNISER, licence=licence)))
    (objection,) = licence_objections(pack)
    assert RECOGNISER.id in objection
