"""Learners who sit before the camera: each with a registered face and an open check, and an agent that answers it.

The pictures are made at run time from photographs of public packages, as in the demonstration: all learners have the
face of one person, moved and lit differently, and who sits there for an impostor is another.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bridge.bench.loaded_bridge import sessions_at_their_entry
from bridge.db.unit_of_work import Tx
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import LearnerRef, RegistrationId, new_id, random_ref
from bridge.plugin_loader import load
from bridge.presence.face import FaceTemplate
from bridge.presence.face_pack import MovementLimits
from bridge.presence.model import FaceReference
from bridge.presence.movement import check_moves
from bridge.settings import Settings

if TYPE_CHECKING:
    from bridge.wiring import House
    from bridge.wiring.stations import Stations

POLL_SECONDS = 0.1
"""After how long the page asks again for the verdict where the bridge does not say (POLL_MS in v1-camera.js)."""
READ_SECONDS = 1.3
"""How long the page shows a hint before its next picture (ANOTHER_MS in v1-camera.js)."""
SEE_MOVE_SECONDS = 0.9
"""How long it shows a movement before the first picture of it (SEE_MOVE_MS)."""
Film = Callable[[str, int], Sequence[bytes]]
"""A movement and how many pictures of it are wanted → the pictures."""
_PATIENCE_SECONDS = 60.0
_VIEWS = 40
_PIXELS_APART = 2


@dataclass(frozen=True, slots=True)
class Seat:
    """One learner's session and its open check."""

    secret: str
    check: str


@dataclass(slots=True)
class Shown:
    """What came of one picture.

    Args:
        post_seconds: until the bridge had taken the picture.
        verdict_seconds: from the sending of the picture until the page knew its verdict; None of a picture of a
            movement that another followed: the last of them has the verdict.
        looks: how often the page asked.
        state: of the check then: "open" if another picture is wanted.
        moving: whether it is one of a movement's.
    """

    post_seconds: float
    verdict_seconds: float | None
    looks: int
    state: str
    moving: bool = False


@dataclass(slots=True)
class CameraAgent:
    """The page of one learner, as v1-camera.js behaves, over one kept-alive connection."""

    seat: Seat
    url: str
    shown: list[Shown] = field(default_factory=list)
    _http: http.client.HTTPConnection | None = None

    def state(self) -> Mapping[str, Any]:
        """Ask how the check stands."""
        return self.call("GET", f"/agent/v1/checks/{self.seat.check}", None, {})

    def show(self, jpeg: bytes, nonce: str) -> Mapping[str, Any]:
        """Send a picture, ask until there is a verdict, and note how long all that took; return the check's state.

        Raises:
            Unavailable: bench_refused (permanent), bench_no_verdict.
        """
        sent = time.monotonic()
        answer = self._post(jpeg, nonce)
        return self._verdict(sent, time.monotonic(), answer, moving=False)

    def move(self, state: Mapping[str, Any], film: Film) -> Mapping[str, Any]:
        """Show the movement that the check asks for, picture after picture as the page does; return the check's state.

        Raises:
            Unavailable: as `show`.
        """
        step = state["step"]
        pictures = film(step["move"], step["frames"])
        time.sleep(SEE_MOVE_SECONDS)
        for jpeg in pictures[:-1]:
            sent = time.monotonic()
            self._post(jpeg, str(state["nonce"]))
            took = time.monotonic() - sent
            self.shown.append(Shown(took, None, 0, "open", moving=True))
            time.sleep(max(0.0, step["gap_ms"] / 1000 - took))
        sent = time.monotonic()
        answer = self._post(pictures[-1], str(state["nonce"]))
        return self._verdict(sent, time.monotonic(), answer, moving=True)

    def _post(self, jpeg: bytes, nonce: str) -> Mapping[str, Any]:
        headers = {"Content-Type": "image/jpeg", "X-Anxue-Nonce": nonce}
        return self.call("POST", f"/agent/v1/checks/{self.seat.check}/frames", jpeg, headers)

    def _verdict(
        self, sent: float, taken: float, answer: Mapping[str, Any], *, moving: bool
    ) -> Mapping[str, Any]:
        looks = 1
        time.sleep(_look_again(answer))
        while (state := self.state())["state"] == "judging":
            if time.monotonic() - sent > _PATIENCE_SECONDS:
                raise Unavailable("bench_no_verdict", "照片提交后一分钟仍没有核验结果,无法测量。")
            time.sleep(_look_again(state))
            looks += 1
        self.shown.append(Shown(taken - sent, time.monotonic() - sent, looks, str(state["state"]), moving))
        return state

    def answer(self, pictures: Sequence[bytes], film: Film) -> str:
        """Show pictures in turn, and do what movement is asked for; return how the check ended, or "open"."""
        state = self.state()
        for place, jpeg in enumerate(pictures):
            if place:
                time.sleep(READ_SECONDS)
            state = self.show(jpeg, str(state["nonce"]))
            while state.get("step") is not None:
                state = self.move(state, film)
            if state["final"]:
                break
        return str(state["state"])

    def close(self) -> None:
        """Let go of the connection."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Send one request as the page does; Unavailable("bench_refused") unless it is taken."""
        if self._http is None:
            parts = urlsplit(self.url)
            self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._http.request(method, path, body, {"Authorization": f"Bearer {self.seat.secret}", **headers})
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status not in (200, 202):
            said = content.decode("utf-8", "replace")[:200]
            raise Unavailable("bench_refused", f"测量中有请求被拒绝:{said}", permanent=True)
        found: Mapping[str, Any] = json.loads(content)
        return found


def _look_again(answer: Mapping[str, Any]) -> float:
    said = answer.get("look_again_ms")
    return said / 1000 if isinstance(said, int) else POLL_SECONDS


def learners_pictures(count: int) -> list[bytes]:
    """Return `count` JPEGs of the registered person, no two alike."""
    return _pictures(load("photographs").learner_frame, count)


def learners_films(count: int) -> list[Film]:
    """Return for each of `count` learners the pictures of every movement, made beforehand: bending takes long."""
    moves = [move.value for move in check_moves(load("face_pack")())]
    frames = (load("face_pack")().movement or MovementLimits()).frames
    films: list[Film] = []
    for place in range(count):
        puppet = load("puppet")(seed=place)
        made = {move: puppet.burst(move, frames) for move in moves}
        films.append(partial(_of_film, made))
    return films


def _of_film(made: Mapping[str, Sequence[bytes]], move: str, _frames: int) -> Sequence[bytes]:
    return made[move]


def impostors_pictures(count: int) -> list[bytes]:
    """Return `count` JPEGs of another person, no two alike."""
    return _pictures(load("photographs").other_person_frame, count)


@contextmanager
def examination_room(settings: Settings) -> Iterator[Callable[[int], list[Seat]]]:
    """Yield what seats so many more learners of the running bridge.

    Each is a made-up learner of their own whose face is registered and anchored, with a session whose entry check was
    opened just now: it waits for its answer no longer than any other.
    """
    from bridge.wiring import House

    house = House.build(settings)
    try:
        (picture,) = learners_pictures(1)
        template = house.engine_for_faces.observe(picture).template
        if template is None:
            raise InvalidInput("bench_photograph", "测量用的照片没有得到人脸特征。")
        yield partial(_seats, house, picture, template)
    finally:
        house.close()


def _seats(house: "House", picture: bytes, template: FaceTemplate, count: int) -> list[Seat]:
    seats = []
    consenting = partial(_consenting, house)
    for institution, stations, opened in sessions_at_their_entry(house, count, consenting):
        session = opened.session
        whose = partial(EvidenceScope, institution, session.learner, class_run_id=session.class_run)
        # The picture of the registration lies beside the template, under the key of all later pictures.
        stations.vault.put(whose(purpose=EvidencePurpose.FACE_FRAME), picture, "image/jpeg")
        scope = whose(purpose=EvidencePurpose.FACE_TEMPLATE)
        kept = stations.vault.put(scope, template.vector, "application/octet-stream")
        stations.presence_store.save_reference(
            FaceReference(
                learner=session.learner,
                class_run=session.class_run,
                model_id=template.model_id,
                model_sha256=template.model_sha256,
                templates=(kept,),
                chosen=kept,
                anchored_ms=session.opened_ms,
                has_roster_photo=True,
                id=new_id("fref"),
            )
        )
        (command,) = (one for one in opened.commands if one["type"] == "check")
        seats.append(Seat(opened.secret, str(command["check"])))
    return seats


def _consenting(house: "House", tx: Tx, stations: "Stations") -> LearnerRef:
    """Return a new learner who owns an account and consented under it, as launch, real name and page would have it."""
    now = house.clock.now()
    store = SqlIdentityStore(tx, house.cipher)
    account = store.add_account(RegistrationId("reg_bench"), random_ref("sub"), now)
    learner = store.add_learner("测量学员", random_ref("nobody"), now)
    if not store.bind(account.account_id, learner, now):
        raise InvalidInput("bench_learner", "测量用的学员没有建成。")
    stations.identity.give_consent(account.account_id, FACE, FACE_CONSENT.version)
    return learner


def _pictures(made: Callable[[Any], Any], count: int) -> list[bytes]:
    plugin = load("photographs")
    return [
        plugin.jpeg_frame(
            made(
                plugin.View(
                    shift_x=float(_PIXELS_APART * (place % _VIEWS - _VIEWS // 2)),
                    shift_y=float(place // _VIEWS),
                    light=1 + 0.002 * (place % 11),
                )
            )
        )
        for place in range(count)
    ]
