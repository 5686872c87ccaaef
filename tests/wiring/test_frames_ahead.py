"""What a frame asks of the database: a few round trips, or a class that is checked at once waits for its last."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pytest
from sqlalchemy import event, select

from bridge.app import create_app
from bridge.bench.loaded_bridge import sessions_at_their_entry
from bridge.db.unit_of_work import Tx
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.identity.store import SqlIdentityStore
from bridge.identity.tables import ConsentRow
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import CheckId, LearnerRef, RegistrationId, new_id, random_ref
from bridge.presence.challenge import Move
from bridge.presence.model import FaceReference
from bridge.presence.movement import Asked
from bridge.presence.tables import FaceFrameRow
from bridge.settings import Mode, Settings
from bridge.start import migrate
from bridge.wiring import House
from tests.presence.pictures import picture

MOST = 8
"""Two looks, BEGIN, all that decides, what is kept in two, COMMIT; now and then a look at the queue. It was 19."""
_ASKED = re.compile(r"\tF\t\d+\t(Sync|Query\t(?! \";\"))")
"""A line of libpq's trace that begins a round trip; whether a connection that rested lives is asked of none in use."""


class Door:
    """A house on PostgreSQL that writes down what it asks, and learners at their entry checks."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._traces: list[TextIO] = []
        self._folder = folder
        self.house = House.build(settings)
        self.house.engine.dispose()
        event.listen(self.house.engine, "connect", self._trace)
        self.house.__dict__["_nudger"] = lambda _jobs: None
        self._app = create_app(settings, self.house)
        self.institution, self._seats = self._seated(3)

    def close(self) -> None:
        self.house.close()
        for one in self._traces:
            one.close()

    def send(self, jpeg: bytes) -> tuple[int, str, int]:
        """Have the next learner send a picture; return the answer's status, its reason, and how often was asked."""
        check, secret, nonce = self._seats.pop()
        headers = {"Authorization": f"Bearer {secret}", "X-Anxue-Nonce": nonce}
        before = self._asked()
        answer: Any = self._app.test_client().post(
            f"/agent/v1/checks/{check}/frames", data=jpeg, headers=headers, content_type="image/jpeg"
        )
        return answer.status_code, answer.json.get("reason", ""), self._asked() - before

    def asks_for_a_movement(self) -> None:
        """Have the next learner's straight look be verified."""
        check = CheckId(self._seats[-1][0])
        with self.house.uow.for_institution(self.institution) as tx:
            store = self.house.at(tx).presence_store
            seen = store.seen(check)
            assert seen is not None
            store.save_check(replace(seen.check, asked=Asked(Move.NOD, 4, 3, "straight")), None)

    def frames(self) -> int:
        with self.house.uow.for_institution(self.institution, read_only=True) as tx:
            return len(tx.session.scalars(select(FaceFrameRow.id)).all())

    def _asked(self) -> int:
        return sum(len(_ASKED.findall(Path(one.name).read_text())) for one in self._traces)

    def _trace(self, driver: Any, _record: Any) -> None:
        trace = (self._folder / f"trace-{len(self._traces)}").open("w")
        self._traces.append(trace)
        driver.pgconn.trace(trace.fileno())

    def _seated(self, count: int) -> tuple[Any, list[tuple[str, str, str]]]:
        seats = []
        for institution, stations, opened in sessions_at_their_entry(self.house, count, self._consenting):
            session, model = opened.session, self.house.recogniser
            for purpose in (EvidencePurpose.FACE_FRAME, EvidencePurpose.FACE_TEMPLATE):
                scope = EvidenceScope(institution, session.learner, purpose, session.class_run)
                kept = stations.vault.put(scope, bytes(2048), "application/octet-stream")
            stations.presence_store.save_reference(
                FaceReference(
                    learner=session.learner,
                    class_run=session.class_run,
                    model_id=model.id,
                    model_sha256=model.sha256,
                    templates=(kept,),
                    chosen=kept,
                    anchored_ms=session.opened_ms,
                    has_roster_photo=True,
                    id=new_id("fref"),
                )
            )
            (command,) = (one for one in opened.commands if one["type"] == "check")
            seats.append((str(command["check"]), opened.secret, str(command["nonce"])))
        return institution, seats

    def _consenting(self, tx: Tx, stations: Any) -> LearnerRef:
        now, store = self.house.clock.now(), SqlIdentityStore(tx, self.house.cipher)
        account = store.add_account(RegistrationId("reg_bench"), random_ref("sub"), now)
        learner = store.add_learner("测试学员", random_ref("nobody"), now)
        assert store.bind(account.account_id, learner, now)
        stations.identity.give_consent(account.account_id, FACE, FACE_CONSENT.version)
        return learner


@pytest.fixture
def door(postgres_url: str, tmp_path: Path) -> Iterator[Door]:
    settings = Settings(mode=Mode.DEMONSTRATION, data=tmp_path / "bridge", database_url=postgres_url)
    migrate(settings)
    built = Door(settings, tmp_path)
    yield built
    built.close()


def test_a_picture_of_a_movement_asks_no_more_often(door: Door) -> None:
    for _ in range(2):  # the first has its statements prepared
        door.asks_for_a_movement()
        status, _, asked = door.send(picture("down"))
        assert status == 202
    assert 5 <= asked <= MOST


def test_a_frame_asks_a_few_times_and_what_was_withdrawn_between_look_and_work_is_refused(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first has its statements prepared.
    assert door.send(picture("0"))[0] == 202
    status, _, asked = door.send(picture("1"))
    assert status == 202
    assert 5 <= asked <= MOST
    stored = door.house.evidence_ahead.stored

    def withdrawn_meanwhile(*given: Any) -> Any:
        with door.house.uow.for_institution(door.institution) as tx:
            for row in tx.session.scalars(select(ConsentRow)):
                row.revoked_at = door.house.clock.now()
        return stored(*given)

    monkeypatch.setattr(door.house.evidence_ahead, "stored", withdrawn_meanwhile)
    assert door.send(picture("2"))[:2] == (403, "consent_required")
    assert door.frames() == 2
