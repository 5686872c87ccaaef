"""The doors' use cases that span stations: open a study session, capture a face reference, fetch a paper."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc.util import urlsafe_b64decode

from bridge.identity.consent import SUPERVISED
from bridge.intake.model import MAX_ATTEMPT
from bridge.intake.webhook import names_a_person
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef, RegistrationId, StudySessionId
from bridge.kernel.time import legal_date
from bridge.presence.model import RENEWAL_SENTENCE, Activity
from bridge.registry.model import ClassRunSheet, CourseUnit
from bridge.wiring.adapters import find_unit
from bridge.wiring.face_gate import (
    CONSENT_SENTENCE,
    SUPERVISION_SENTENCE,
    require_face_checking,
    require_face_of,
)
from bridge.wiring.frames_ahead import frame_of_learner_ahead
from lti.errors import LaunchRefused
from lti.jwt_documents import verify_platform_jwt
from lti.strict_json import parse_object

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations

SESSION_TOKEN_TYPE = "anxue-session+jwt"  # noqa: S105  # a kind of token, not a token
_TOKEN_SECONDS = 300
_JUDGED_WITHIN_SECONDS = 8.0
_LOOK_SECONDS = 0.04


class StepMissing(NotPermitted):
    """A step of the learner's road is missing; `url` is the page that mends it."""

    def __init__(self, reason: str, message: str, url: str) -> None:
        super().__init__(reason, message)
        self.url = url


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a verified token asks for."""

    institution: InstitutionId
    registration: RegistrationId
    sub: str
    resource_link_id: str
    activity: Activity
    attempt: str | None
    token_id: str


def open_study_session(
    house: "House", token: str, resume: tuple[StudySessionId, str] | None = None
) -> dict[str, Any]:
    """Open the session that an LMS's token asks for; return what the agent needs to begin.

    Args:
        resume: id and secret of the session that an earlier page of the same attempt had; what cannot be gone on
            with is not: a new one is opened.

    Raises:
        LaunchRefused: the token is not a fresh one of a registered platform.
        StepMissing: real_name_required, consent_required, face_reference_required.
        NotPermitted: class_run_not_open, token_used.
        InvalidInput: token_claims, person_in_id, unit_unknown, activity_mismatch.
    """
    asked = _read_token(house, token)
    page = f"{house.settings.public_url}/learner"
    with house.uow.for_institution(asked.institution) as tx:
        stations = house.at(tx)
        account = stations.identity.account_for(asked.registration, asked.sub)
        if account is None or account.learner is None:
            raise StepMissing("real_name_required", "请先从课程页面进入安学桥完成实名登记。", page)
        learner = account.learner
        found = find_unit(stations.registry, asked.registration, asked.resource_link_id, learner)
        if found is None:
            raise InvalidInput(
                "unit_unknown", "该内容没有登记为您班次的课程单元,请联系培训机构。", http_status=422
            )
        sheet, unit = found
        if unit.activity != asked.activity.value:
            raise InvalidInput("activity_mismatch", "学习凭证与课程单元的类型不一致。", http_status=422)
        return open_for(
            house,
            stations,
            account_id=account.account_id,
            learner=learner,
            sheet=sheet,
            unit=unit,
            activity=asked.activity,
            attempt=asked.attempt,
            token_id=asked.token_id,
            page=page,
            resume=resume,
        )


def open_for(
    house: "House",
    stations: "Stations",
    *,
    account_id: str,
    learner: LearnerRef,
    sheet: ClassRunSheet,
    unit: CourseUnit,
    activity: Activity,
    attempt: str | None,
    token_id: str,
    page: str,
    resume: tuple[StudySessionId, str] | None = None,
) -> dict[str, Any]:
    """Open a session of the learner's unit; return what the agent needs to begin.

    Args:
        page: where a missing step is mended.
        resume: see `open_study_session`.

    Raises:
        StepMissing: consent_required, supervision_required, face_reference_required, face_renewal_required.
        NotPermitted: class_run_not_open, token_used; as `face_gate.require_face_checking`.
    """
    today = legal_date(house.study_clock.now())
    opening = stations.registry.opening_decision(sheet.class_run, today)
    if not opening.value:
        raise NotPermitted("class_run_not_open", opening.reasons[0].sentence_zh)
    class_run = sheet.class_run.id
    stretch = stations.supervised.running(learner, class_run)
    if stretch is None:
        _require_face_way(house, stations, account_id, learner, class_run, page)
    opened = None
    if resume is not None and attempt is not None:
        opened = stations.presence.resume_session(
            *resume,
            learner=learner,
            class_run=class_run,
            unit=unit.id,
            attempt=attempt,
            account_id=account_id,
        )
    if opened is None and stretch is not None:
        opened = stations.supervised.open_session(
            stretch,
            unit=unit.id,
            activity=activity.value,
            attempt=attempt,
            account_id=account_id,
            token_id=token_id,
        )
    opened = opened or stations.presence.open_session(
        learner=learner,
        class_run=class_run,
        unit=unit.id,
        activity=activity,
        attempt=attempt,
        account_id=account_id,
        token_id=token_id,
    )
    part = stations.ledger.statement(learner, class_run, whole=False).unit(unit.id)
    seen = [] if part is None else part.seen_media.pairs()
    return {
        "session": opened.session.id,
        "secret": opened.secret,
        "nonce": opened.nonce,
        "next_seq": opened.session.next_seq,
        "beat_interval_ms": stations.check_rules.beat_interval_ms(class_run),
        "study_factor": house.study_clock.factor(),
        "nominal_ms": unit.nominal_ms,
        "resume_media_ms": seen[0][1] if seen and seen[0][0] == 0 else 0,
        "credited_media": seen,
        "commands": opened.commands,
    }


def _require_face_way(
    house: "House",
    stations: "Stations",
    account_id: str,
    learner: LearnerRef,
    class_run: ClassRunId,
    page: str,
) -> None:
    """Return if the learner, whom no staff supervises now, may study with face checks; raises as `open_for`."""
    if not stations.identity.may_process_face(learner):
        if stations.identity.has_consent(account_id, SUPERVISED):
            raise StepMissing("supervision_required", SUPERVISION_SENTENCE, page)
        raise StepMissing("consent_required", CONSENT_SENTENCE, page)
    require_face_checking(stations, class_run)
    reference = stations.presence_store.reference(learner, class_run)
    if reference is None:
        raise StepMissing("face_reference_required", "请先完成人脸登记。", page)
    if not reference.is_of(house.recogniser):
        raise StepMissing("face_renewal_required", RENEWAL_SENTENCE, page)


def _read_token(house: "House", token: str) -> _Asked:
    claims = _unverified(token)
    issuer, client_id = claims.get("iss"), claims.get("client_id")
    if not isinstance(issuer, str) or not isinstance(client_id, str | None):
        raise LaunchRefused("token_malformed")
    # Which registration is meant is read before the signature; all else only after it.
    registration = house.lti_registrations.find(issuer, client_id)
    document = verify_platform_jwt(
        token,
        registration,
        keys=house.lti_tool.platform_keys,
        clock=house.clock,
        audience=f"{house.settings.public_url}/agent/v1/sessions",
        typ=SESSION_TOKEN_TYPE,
        max_age_seconds=_TOKEN_SECONDS,
    )
    payload = document.payload
    texts = {name: payload.get(name) for name in ("sub", "resource_link_id", "activity", "attempt")}
    attempt = texts["attempt"]
    for name in ("sub", "resource_link_id"):
        if not isinstance(texts[name], str) or not 0 < len(str(texts[name])) <= 255:
            raise InvalidInput("token_claims", f"学习凭证缺少 {name}", http_status=422)
    if texts["activity"] not in ("study", "test") or not isinstance(attempt, str | None):
        raise InvalidInput("token_claims", "学习凭证的 activity 应为 study 或 test", http_status=422)
    if attempt is None and texts["activity"] == "test":
        raise InvalidInput("token_claims", "测试凭证缺少 attempt", http_status=422)
    # As the webhook takes it: an attempt that no score could name is no attempt.
    if attempt is not None:
        if not (0 < len(attempt) <= MAX_ATTEMPT and attempt.isascii() and attempt.isprintable()):
            raise InvalidInput(
                "token_claims",
                "学习凭证的 attempt 为空、过长,或含有字母、数字和符号以外的字符",
                http_status=422,
            )
        if names_a_person(attempt):
            raise InvalidInput(
                "person_in_id", "学习凭证的 attempt 含有联系方式或身份证号,不予接收", http_status=422
            )
    return _Asked(
        institution=InstitutionId(registration.tenant),
        registration=RegistrationId(registration.id),
        sub=str(texts["sub"]),
        resource_link_id=str(texts["resource_link_id"]),
        activity=Activity(str(texts["activity"])),
        attempt=attempt,
        token_id=sha256_hex(f"{registration.id}|{document.jti}".encode()),
    )


def _unverified(token: str) -> dict[str, Any]:
    try:
        return parse_object(urlsafe_b64decode(token.split(".")[1].encode("ascii")))
    except (ValueError, IndexError) as error:
        raise LaunchRefused("token_malformed") from error


def capture_reference_frame(
    house: "House", institution: InstitutionId, learner: LearnerRef, class_run: ClassRunId, jpeg: bytes
) -> dict[str, Any]:
    """Take one frame of the face registration; answer once it was judged, or that it waits to be.

    Raises:
        InvalidInput: as `FrameService.submit_for_reference`.
        NotPermitted: as `face_gate.require_face_of`.
    """
    ahead = frame_of_learner_ahead(house, institution, learner, class_run, jpeg)
    with ahead as stored, house.uow.for_institution(institution) as tx:
        stations = house.at(tx)
        stations.vault.take_along(stored)
        require_face_of(stations, learner, class_run)
        frame_id = stations.frames.submit_for_reference(learner, class_run, jpeg)
        needed = stations.check_rules.anchor_good_frames(class_run)
    deadline = time.monotonic() + _JUDGED_WITHIN_SECONDS
    while True:
        with house.uow.for_institution(institution, read_only=True) as tx:
            store = house.at(tx).presence_store
            frame = store.frame(frame_id)
            found = store.reference(learner, class_run)
        reference = found if found is not None and found.is_of(house.recogniser) else None
        judged = frame is not None and frame.verdict is not None
        if judged or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    good = 0 if reference is None else len(reference.templates)
    anchored = reference is not None and reference.anchored_ms is not None
    accepted = judged and frame is not None and frame.verdict == "verified"
    message = frame.message if judged and frame is not None else "正在核对照片,请稍候再试。"
    enough = good >= needed
    if accepted:
        message = "照片已拍好,请带证件请工作人员当面核对。" if enough else "照片清晰,已采用。"
    return {
        "accepted": accepted,
        "pending": not judged,
        "message": message,
        "good_frames": good,
        "needed": needed,
        "anchored": anchored,
        # Pictures alone anchor nobody: staff check the card.
        "done": enough,
    }


def certificate_pdf(house: "House", institution: InstitutionId, number: str) -> bytes:
    """Return an issued paper byte for byte; InvalidInput("certificate_unknown") for another institution's."""
    with house.uow.for_institution(institution, read_only=True) as tx:
        stations = house.at(tx)
        paper = stations.completion_store.paper_by_number(number)
        if paper is None:
            raise InvalidInput("certificate_unknown", "没有这个编号的证明,请核对编号。", http_status=404)
        return stations.completion.pdf(paper)
