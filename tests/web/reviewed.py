"""Checks of a furnished house with frames that hold made-up pictures, and what people do about them."""

from datetime import datetime, timedelta
from itertools import count

import cv2
import numpy as np

from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import CheckId, LearnerRef, StudySessionId, new_id
from bridge.kernel.time import epoch_ms
from bridge.presence.model import CheckKind, CheckState, FaceFrame, PresenceCheck
from bridge.presence.review.model import Review
from tests.web.furnished import NOW, ORG, RUN, Furnished

_numbers = count(1)
MISJUDGED = NOW - timedelta(hours=3) + timedelta(minutes=7)
"""Between two passed checks of `Furnished.finish_course`."""


def drawing(number: int) -> bytes:
    """Return a JPEG of a circle with two dots: no face of anybody."""
    picture = np.full((240, 320, 3), 214, dtype=np.uint8)
    cv2.ellipse(picture, (160, 120), (70, 100), 0, 0, 360, (189, 217, 240), -1)
    for x in (132, 188):
        cv2.circle(picture, (x, 97), 8, (58, 48, 21), -1)
    cv2.putText(picture, f"made up {number}", (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (58, 48, 21))
    return bytes(cv2.imencode(".jpg", picture)[1])


def frame(furnished: Furnished, learner: LearnerRef, check: CheckId | None, **judged: object) -> str:
    """Keep a judged frame with a picture behind it; return its id."""
    number = next(_numbers)
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_FRAME, RUN)
        made = FaceFrame(
            id=new_id("frm"),
            learner=learner,
            class_run=RUN,
            check_id=check,
            evidence_id=stations.vault.put(scope, drawing(number), "image/jpeg"),
            sha256=f"{number:064d}",
            received_real=furnished.clock.now(),
            **{"verdict": "verified", "score": 0.91, "threshold": 0.38, "model_id": "default", **judged},  # type: ignore[arg-type]  # a test's own words
        )
        assert stations.presence_store.add_frame(made)
        return made.id


def fail(
    furnished: Furnished,
    learner: LearnerRef,
    outcome: str = "other_person",
    *,
    at: datetime = MISJUDGED,
    session: str | None = None,
    frames: int = 2,
    name: str = "",
) -> CheckId:
    """Let a check end so in the midst of the learner's study, with its frames, as presence tells it."""
    state, at_ms = CheckState(outcome), epoch_ms(at)
    check = PresenceCheck(
        id=CheckId(f"chk_{name or outcome}_{learner}"[:40]),
        session=StudySessionId(session or f"ses_unit_electric_{learner}"[:40]),
        learner=learner,
        class_run=RUN,
        kind=CheckKind.RANDOM,
        due_ms=at_ms - 30_000,
        opened_ms=at_ms - 20_000,
        answer_by_ms=at_ms + 40_000,
        attempts_left=1,
        state=CheckState.OPEN,
        nonce="n" * 32,
        verdicts=(),
    )
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).presence_store.add_check(check)
    for number in range(frames):
        frame(
            furnished,
            learner,
            check.id,
            verdict=outcome,
            score=0.12 + number / 100,
            threshold=0.30,
            parameter="other_person_below",
            message="与登记的人脸不一致,请由学员本人完成核验;如确为本人,请重试或联系班主任。",
        )
    with furnished.house.uow.for_institution(ORG) as tx:
        furnished.house.at(tx).presence.decide(check, state, 0, at_ms)
    furnished.work_off()
    return check.id


def review_of(furnished: Furnished, check: CheckId) -> Review:
    """Return the check's newest case."""
    with furnished.house.uow.for_institution(ORG) as tx:
        return furnished.house.at(tx).review_store.of_check(check)[-1]
