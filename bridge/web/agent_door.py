"""The agent's door, protocol v1: one for our page, for a page of the LMS, and for an attacking client."""

from typing import Any, NoReturn, TypeVar

import msgspec
from flask import Blueprint, Response, current_app, jsonify, request
from flask.blueprints import BlueprintSetupState

from bridge.intake.model import MAX_EVENTS_IN_BATCH, BeatBatch, BeatEvent
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CheckId, InstitutionId, StudySessionId
from bridge.kernel.time import epoch_ms
from bridge.presence.challenge import MOVE_SENTENCES
from bridge.presence.face import MAX_FRAME_BYTES
from bridge.presence.model import CheckState, PresenceCheck, StudySession
from bridge.presence.prompts import Shown, prompt_closed
from bridge.presence.waiting import look_again_ms
from bridge.web.agent_batches import REFUSED, AgentBatches
from bridge.web.security import headers_of_all
from bridge.wiring import House
from bridge.wiring.frames_ahead import take_frame_of_check
from bridge.wiring.stuck_learners import with_way_out

_T = TypeVar("_T")
MAX_BATCH_BYTES = 64 * 1024
MAX_SECRET = 200
VERSION = 1


class _Event(msgspec.Struct):
    client_ms: int
    media_ms: int
    visible: bool = True
    interaction_ms: int | None = None
    rate: int | float = 1


class _Batch(msgspec.Struct):
    v: int
    session: str
    seq: int
    nonce: str
    events: list[_Event]
    ending: bool = False


class _Answer(msgspec.Struct):
    v: int
    nonce: str
    answer: list[str]


class _Resume(msgspec.Struct):
    session: str
    secret: str


class _Opening(msgspec.Struct):
    v: int
    token: str
    resume: _Resume | None = None


_batch = msgspec.json.Decoder(_Batch)
_answer = msgspec.json.Decoder(_Answer)
_opening = msgspec.json.Decoder(_Opening)


def agent_door(house: House) -> Blueprint:
    """Return the blueprint of `/agent/v1/…`."""
    door = Blueprint("agent", __name__, url_prefix="/agent/v1")

    @door.after_request
    def let_platforms_read(response: Response) -> Response:
        response.headers.update(_headers(house, request.headers.get("Origin")))
        return response

    @door.post("/sessions")
    def open_session() -> Response:
        opening = _decode(_opening, _body(8 * 1024))
        goes_on = opening.resume
        resume = None if goes_on is None else (StudySessionId(goes_on.session), goes_on.secret)
        opened = house.open_study_session(opening.token, resume)
        response = jsonify({"v": VERSION, **opened})
        response.status_code = 201
        return response

    @door.post("/batches")
    def take_batch() -> Response:
        refused: Exception | None = request.environ.get(REFUSED)
        if refused is not None:
            raise refused
        return _sent(accept(_body(MAX_BATCH_BYTES), *_bearer()))

    @door.record_once
    def take_batches_in_front(state: BlueprintSetupState) -> None:
        app: Any = state.app
        of_all = headers_of_all(https=house.settings.public_url.startswith("https://"))
        app.wsgi_app = AgentBatches(
            app.wsgi_app,
            lambda body, authorization: accept(body, *_tenant_in(authorization)),
            lambda origin: {**of_all, **_headers(house, origin)},
            MAX_BATCH_BYTES,
        )

    @door.post("/batches/last")
    def take_last_words() -> Response:
        # By sendBeacon, which can set no header: the secret is the first line, the batch all behind it. As text/plain,
        # so that no page of another origin needs leave to send it; it opens nothing that the header would not.
        if request.mimetype != "text/plain":
            raise InvalidInput("media_type", "最后一批须为 text/plain", http_status=415)
        secret, _, body = _body(MAX_BATCH_BYTES + MAX_SECRET + 1).partition(b"\n")
        return _sent(accept(body, *_tenant_of(secret.decode("latin-1"))))

    def accept(body: bytes, secret: str, institution: InstitutionId) -> bytes:
        raw = _decode(_batch, body)
        if len(raw.events) > MAX_EVENTS_IN_BATCH:
            raise InvalidInput("events_count", f"每批须含 1–{MAX_EVENTS_IN_BATCH} 条记录", http_status=422)
        batch = BeatBatch(
            session=raw.session,
            seq=raw.seq,
            nonce=raw.nonce,
            events=tuple(
                BeatEvent(e.client_ms, e.media_ms, e.visible, e.interaction_ms, _permille(e.rate))
                for e in raw.events
            ),
            ending=raw.ending,
        )
        received = house.clock.now()
        sha256 = sha256_hex(body)
        answer = house.uow.together(
            institution, lambda tx: house.at(tx).presence.accept_batch(batch, secret, sha256, received)
        )
        session = answer.session
        orders = msgspec.json.decode(session.orders) if session.orders and session.open else []
        return msgspec.json.encode(
            {
                "v": VERSION,
                "nonce": answer.nonce,
                "next_seq": session.next_seq,
                "commands": answer.commands + orders,
                "study_factor": house.study_clock.factor(),
                "study_ms": session.last_received_ms,
                "today": msgspec.Raw(session.news.encode()) if session.news else _totals(session),
            }
        )

    @door.post("/checks/<check_id>/frames")
    def take_frame(check_id: str) -> Response:
        if request.mimetype != "image/jpeg":
            raise InvalidInput("media_type", "照片须为 image/jpeg", http_status=415)
        came_ms = epoch_ms(house.study_clock.now())
        jpeg = _body(MAX_FRAME_BYTES)
        secret, institution = _bearer()
        nonce = request.headers.get("X-Anxue-Nonce", "")

        frame, look_again = take_frame_of_check(
            house, institution, CheckId(check_id), secret, nonce, jpeg, at_ms=came_ms
        )
        judging = {"check": check_id, "state": "judging", "frame": frame, "look_again_ms": look_again}
        response = _json(judging)
        response.status_code = 202
        return response

    @door.get("/checks/<check_id>")
    def check_state(check_id: str) -> Response:
        secret, institution = _bearer()
        with house.uow.looking(institution) as tx:
            seen = house.at(tx).presence.look(CheckId(check_id), secret)
            look_again = look_again_ms(house.frames_waiting.count(tx)) if seen is not None and seen[1] else 0
        if seen is None:
            with house.uow.for_institution(institution) as tx:
                seen = house.at(tx).presence.check_state(CheckId(check_id), secret)
        check, judging, message = seen
        left_ms = check.answer_by_ms - epoch_ms(house.study_clock.now())
        if check.state not in (CheckState.OPEN, CheckState.PASSED):
            with house.uow.for_institution(institution, read_only=True) as tx:
                message = with_way_out(house.at(tx), check, message)
        return _json(
            {
                "check": check.id,
                "state": "judging" if judging else check.state.value,
                "final": check.state is not CheckState.OPEN,
                "attempts_left": check.attempts_left,
                "answer_within_seconds": max(0, left_ms) // 1000,
                **({"look_again_ms": look_again} if judging else {}),
                "nonce": check.nonce,
                "step": _step(house, check),
                "message": message,
                "hint": message,
                "study_factor": house.study_clock.factor(),
            }
        )

    @door.get("/prompts/<prompt_id>")
    def show_prompt(prompt_id: str) -> Response:
        secret, institution = _bearer()
        with house.uow.for_institution(institution) as tx:
            stations = house.at(tx)
            shown = stations.prompts.show(stations.presence.prompt(prompt_id, secret))
        return _json(_shown(shown, house.study_clock.factor()))

    @door.post("/prompts/<prompt_id>")
    def answer_prompt(prompt_id: str) -> Response:
        given = _decode(_answer, _body(2 * 1024))
        secret, institution = _bearer()
        with house.uow.for_institution(institution) as tx:
            stations = house.at(tx)
            prompt = stations.presence.prompt(prompt_id, secret)
            shown = None if prompt.over else stations.prompts.answer(prompt, given.nonce, given.answer)
        # A prompt that was found to be over is ended for good: only then is the answer refused.
        if shown is None:
            raise prompt_closed(prompt)
        return _json(_shown(shown, house.study_clock.factor()))

    @door.route("/<path:_any>", methods=["OPTIONS"])
    def preflight(_any: str) -> Response:
        return current_app.response_class(status=204)

    return door


def _step(house: House, check: PresenceCheck) -> dict[str, Any] | None:
    """Return the movement that the page shows now; None where none is asked for, or it is judged."""
    asked, limits = check.asked, house.face_pack.movement
    if check.state is not CheckState.OPEN or asked is None or asked.whole or limits is None:
        return None
    return {
        "move": asked.move.value,
        "say": MOVE_SENTENCES[asked.move],
        "frames": asked.frames,
        "taken": len(asked.pictures),
        "gap_ms": limits.frame_gap_ms,
        "tries_left": asked.tries_left,
    }


def _totals(session: StudySession) -> dict[str, int]:
    return {
        "credited_seconds": session.credited_seconds,
        "provisional_seconds": session.provisional_seconds,
        "refused_seconds": session.refused_seconds,
    }


def _shown(shown: Shown, study_factor: int) -> dict[str, Any]:
    prompt = shown.prompt
    return {
        "prompt": prompt.id,
        "state": prompt.state.value,
        "final": prompt.over,
        "attempts_left": prompt.attempts_left,
        "answer_within_seconds": shown.answer_within_seconds,
        "question": prompt.question,
        "nonce": prompt.nonce,
        "message": shown.message,
        "study_factor": study_factor,
    }


def _headers(house: House, origin: str | None) -> dict[str, str]:
    """Return the door's own headers of an answer to a page of `origin`."""
    headers = {"Vary": "Origin", "Cache-Control": "no-store"}
    # Bearer secrets, no cookies: another origin gains nothing by reading, but only registered ones may.
    if origin and house.allowed_origin(origin):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, X-Anxue-Nonce"
        headers["Access-Control-Max-Age"] = "600"
    return headers


def _json(value: dict[str, Any]) -> Response:
    return _sent(msgspec.json.encode(value))


def _sent(content: bytes) -> Response:
    return current_app.response_class(content, mimetype="application/json")


def _body(limit: int) -> bytes:
    if request.content_length is None:
        raise InvalidInput("length_required", "请求须给出 Content-Length", http_status=411)
    if request.content_length > limit:
        raise InvalidInput("body_too_large", f"内容超过 {limit // 1024} KB", http_status=413)
    return request.get_data(cache=False)


def _decode(decoder: "msgspec.json.Decoder[_T]", body: bytes) -> _T:
    try:
        value = decoder.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        status = 422 if isinstance(error, msgspec.ValidationError) else 400
        raise InvalidInput("json_malformed", "内容不是有效的 JSON 或缺少字段", http_status=status) from error
    if getattr(value, "v", None) != VERSION:
        raise InvalidInput("version_unknown", "协议版本不受支持,应为 v=1", http_status=422)
    return value


def _permille(rate: int | float) -> int:
    if not 0 <= rate <= 16:
        raise InvalidInput("rate_out_of_range", "播放速度超出范围", http_status=422)
    return round(rate * 1000)


def _bearer() -> tuple[str, InstitutionId]:
    return _tenant_in(request.headers.get("Authorization", ""))


def _tenant_in(authorization: str) -> tuple[str, InstitutionId]:
    scheme, _, secret = authorization.partition(" ")
    if scheme != "Bearer":
        _no_secret()
    return _tenant_of(secret)


def _tenant_of(secret: str) -> tuple[str, InstitutionId]:
    """Return the secret and the institution that it names."""
    institution, tilde, _ = secret.partition("~")
    if not tilde or len(secret) > MAX_SECRET or not (secret.isascii() and secret.isprintable()):
        _no_secret()
    return secret, InstitutionId(institution)


def _no_secret() -> NoReturn:
    raise NotPermitted("session_unknown", "缺少会话凭证,请刷新页面", http_status=401)
