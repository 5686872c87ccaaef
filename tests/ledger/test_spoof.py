"""A picture held before the camera withdraws time as another person's face does, under a reason of its own."""

from bridge.ledger.model import Refusal, settle
from bridge.ledger.model.reasons import explain
from bridge.ledger.model.rules import legal_day
from tests.ledger.study import MINUTE, START, Study, rules, sheet


def _refused(study: Study) -> dict[str, int]:
    return dict(settle(sheet(), study.entries(), rules()).figures.refused_ms)


def test_a_suspected_spoof_withdraws_back_to_the_last_pass() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 2 * MINUTE, 8 * MINUTE, 10 * MINUTE)
    study.check("s", 6 * MINUTE, "suspected_spoof", due=5 * MINUTE)

    assert _refused(study) == {Refusal.SUSPECTED_SPOOF: 6 * MINUTE}


def test_where_another_face_was_seen_too_the_time_has_that_reason() -> None:
    study = Study().anchor().watch("s", 0, 10 * MINUTE).passes("s", 0, 8 * MINUTE, 10 * MINUTE)
    study.check("s", 3 * MINUTE, "suspected_spoof").check("s", 4 * MINUTE, "other_person")

    assert _refused(study) == {Refusal.OTHER_PERSON: 8 * MINUTE}


def test_the_learner_reads_what_happened_and_whom_to_ask_for_a_review() -> None:
    sentence = explain(Refusal.SUSPECTED_SPOOF, rules(), legal_day(START), 60_000).sentence_zh
    assert "照片或屏幕" in sentence
    assert "人工复核" in sentence
