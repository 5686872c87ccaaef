"""Staff see the person with the card: two frames of who stands there, taken there, must be the face reference.

Whether the number on the card is the list's is for identity; see `wiring.card_checks`.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, select

from bridge.db.unit_of_work import Tx
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CheckId, ClassRunId, LearnerRef, new_id
from bridge.kernel.time import Clock, StudyClock
from bridge.presence.anchoring import STAFF_CARD_CHECK, anchored
from bridge.presence.card_check_tables import CardCheckPlaceRow, CardCheckRow
from bridge.presence.face import FaceVerdict
from bridge.presence.frames import FrameService
from bridge.presence.model import FaceReference, RecogniserInForce
from bridge.presence.renewal import UNNAMED
from bridge.presence.store import SqlPresenceStore

OPEN_FOR = timedelta(minutes=10)
"""Practice: person, card and staff stand before the camera; nobody comes back to it after lunch."""
SECOND_PERSON_WITHIN = timedelta(hours=24)
"""Practice: a passport's second look happens while the person is still there, or on the same day."""
FRAMES_NEEDED = 2
FRAMES_AT_MOST = 8
_GRAVE = {FaceVerdict.OTHER_PERSON.value, FaceVerdict.SUSPECTED_SPOOF.value}
_GRAVE_AT_MOST = 1
_LONGEST_TITLE = 60


class CardCheckState(StrEnum):
    """Where a check of the card stands. Every state but `OPEN` and `SEEN` is final."""

    OPEN = "open"
    SEEN = "seen"
    """The frames matched; a second person must see document and person."""
    ANCHORED = "anchored"
    FAILED = "failed"
    """The frames showed somebody else or a picture, or none of them could be used."""
    EXPIRED = "expired"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class CardCheck:
    """One check of the card.

    Args:
        reference: of the face, by `FaceReference.id`.
        document: a `identity.model.DocumentKind`.
        opened_by, confirmed_by: staff ids; the second one only where two people are needed.
        matched: frames so far that were the reference; waiting: one is being judged.
        message: what was said of the last frame.
    """

    id: str
    learner: LearnerRef
    class_run: ClassRunId
    reference: str
    document: str
    two_people: bool
    place: str
    opened_by: str
    opened_at: datetime
    state: CardCheckState
    confirmed_by: str | None
    decided_at: datetime | None
    matched: int = 0
    waiting: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where people are seen with their cards."""

    id: str
    title: str


class CardChecks:
    """Checks of the card in one institution, within one unit of work.

    Args:
        study_clock: on which the ledger's moments lie; clock: real time.
    """

    def __init__(
        self,
        tx: Tx,
        store: SqlPresenceStore,
        frames: FrameService,
        clock: Clock,
        study_clock: StudyClock,
        recogniser: RecogniserInForce,
    ) -> None:
        self._tx = tx
        self._session = tx.session
        self._store = store
        self._frames = frames
        self._clock = clock
        self._study_clock = study_clock
        self._recogniser = recogniser

    def places(self) -> Sequence[Place]:
        """Return the places that are open, by name."""
        rows = self._session.scalars(
            select(CardCheckPlaceRow)
            .where(CardCheckPlaceRow.closed_at.is_(None))
            .order_by(CardCheckPlaceRow.title, CardCheckPlaceRow.id)
        )
        return [Place(row.id, row.title) for row in rows]

    def add_place(self, title: str, *, by: str) -> Place:
        """Add a place; InvalidInput: place_malformed, place_known."""
        title = " ".join(title.split())
        if not 2 <= len(title) <= _LONGEST_TITLE or not title.isprintable():
            raise InvalidInput("place_malformed", f"请填写地点,2 至 {_LONGEST_TITLE} 字,不写人名和联系方式。")
        if any(one.title == title for one in self.places()):
            raise InvalidInput("place_known", "名单中已有这个地点。", http_status=409)
        row = CardCheckPlaceRow(
            id=new_id("ccp"),
            institution_id=self._tx.institution_id,
            title=title,
            added_by=by,
            added_at=self._clock.now(),
            closed_at=None,
        )
        self._session.add(row)
        self._session.flush()
        return Place(row.id, title)

    def close_place(self, place_id: str) -> None:
        """Take a place from the list; what was held there keeps its name."""
        row = self._session.scalar(select(CardCheckPlaceRow).where(CardCheckPlaceRow.id == place_id))
        if row is not None and row.closed_at is None:
            row.closed_at = self._clock.now()
            self._session.flush()

    def open(
        self,
        learner: LearnerRef,
        class_run: ClassRunId,
        *,
        place_id: str,
        document: str,
        two_people: bool,
        by: str,
    ) -> tuple[CardCheck, str]:
        """Begin a check and return it with the nonce of its first frame; one that is open already is given up.

        Raises:
            InvalidInput: place_unknown, face_reference_required, already_anchored.
        """
        place = next((one for one in self.places() if one.id == place_id), None)
        if place is None:
            raise InvalidInput("place_unknown", "请从名单中选择核对地点。", http_status=422)
        reference = self._reference(learner, class_run)
        if reference.anchored_ms is not None:
            raise InvalidInput("already_anchored", "这名学员的人脸登记已核对完成。", http_status=409)
        for row in self._rows(learner, class_run):
            if self._looked_at(row).state in (CardCheckState.OPEN, CardCheckState.SEEN):
                self._end(row, CardCheckState.GIVEN_UP)
        nonce = secrets.token_hex(16)
        row = CardCheckRow(
            id=new_id("scc"),
            institution_id=self._tx.institution_id,
            learner=learner,
            class_run=class_run,
            reference=reference.id,
            document=document,
            two_people=two_people,
            place=place.title,
            opened_by=by,
            opened_at=self._clock.now(),
            nonce_sha256=sha256_hex(nonce.encode()),
            state=CardCheckState.OPEN.value,
            confirmed_by=None,
            decided_at=None,
        )
        self._session.add(row)
        self._session.flush()
        return self._read(row), nonce

    def submit(self, check_id: str, nonce: str, jpeg: bytes, *, by: str) -> str:
        """Take one frame of who stands there and ask for its judgement; return the nonce of the next.

        Raises:
            InvalidInput: card_check_unknown, card_check_closed; as `FrameService.submit_for_card_check`.
            NotPermitted: other_account, nonce_mismatch.
        """
        row = self._row(check_id)
        check = self._looked_at(row)
        if check.state is not CardCheckState.OPEN:
            raise InvalidInput("card_check_closed", "这次核对已结束,请重新开始。", http_status=409)
        if row.opened_by != by:
            raise NotPermitted("other_account", "照片须由开始核对的工作人员拍摄。")
        if not hmac.compare_digest(sha256_hex(nonce.encode()), row.nonce_sha256):
            raise NotPermitted("nonce_mismatch", "页面已失效,请刷新后重新开始核对。")
        self._frames.submit_for_card_check(check.learner, check.class_run, CheckId(check.id), jpeg)
        following = secrets.token_hex(16)
        row.nonce_sha256 = sha256_hex(following.encode())
        self._session.flush()
        return following

    def look(self, check_id: str) -> CardCheck:
        """Return a check, ended if its frames or its time ended it; InvalidInput("card_check_unknown")."""
        return self._looked_at(self._row(check_id))

    def newest(self, learner: LearnerRef, class_run: ClassRunId) -> CardCheck | None:
        """Return the learner's last check; None if there was none."""
        rows = self._rows(learner, class_run)
        return self._looked_at(rows[-1]) if rows else None

    def anchor_of(self, reference: FaceReference) -> CardCheck | None:
        """Return the check that anchored a reference, or the one in whose place it stands; None if none did."""
        named = {reference.card_check} - {""}
        references = {reference.id, reference.renews} - {"", UNNAMED}
        rows = self._session.scalars(
            select(CardCheckRow)
            .where(
                CardCheckRow.learner == reference.learner,
                CardCheckRow.class_run == reference.class_run,
                CardCheckRow.state == CardCheckState.ANCHORED.value,
                or_(CardCheckRow.id.in_(named), CardCheckRow.reference.in_(references)),
            )
            .order_by(CardCheckRow.decided_at.desc(), CardCheckRow.id.desc())
        ).all()
        return self._read(rows[0]) if rows else None

    def confirm(self, check_id: str, *, by: str) -> CardCheck:
        """Anchor as the second person who saw document and person; twice by the same is once.

        Raises:
            InvalidInput: card_check_unknown, card_check_closed.
            NotPermitted("second_person_required"): `by` began it.
        """
        row = self._row(check_id)
        check = self._looked_at(row)
        if check.state is CardCheckState.ANCHORED and check.confirmed_by == by:
            return check
        if check.state is not CardCheckState.SEEN:
            raise InvalidInput("card_check_closed", "这次核对不在等待第二人确认。", http_status=409)
        if check.opened_by == by:
            raise NotPermitted("second_person_required", "须由另一名工作人员核对护照和本人,不能自己确认。")
        row.confirmed_by = by
        self._anchor(row)
        return self._read(row)

    def give_up(self, check_id: str) -> None:
        """End a check that has not ended."""
        row = self._row(check_id)
        if self._looked_at(row).state in (CardCheckState.OPEN, CardCheckState.SEEN):
            self._end(row, CardCheckState.GIVEN_UP)

    def _looked_at(self, row: CardCheckRow) -> CardCheck:
        """Return the check as its frames and its time have it by now."""
        state = CardCheckState(row.state)
        if state not in (CardCheckState.OPEN, CardCheckState.SEEN):
            return self._read(row)
        verdicts = [
            frame.verdict
            for frame in self._store.frames_of_check(CheckId(row.id))
            if frame.verdict is not None
        ]
        known = self._store.reference(LearnerRef(row.learner), ClassRunId(row.class_run))
        age = self._clock.now() - row.opened_at
        if known is None or known.id != row.reference or not known.is_of(self._recogniser):
            # Registered anew: what was seen says nothing of the face that is registered now.
            self._end(row, CardCheckState.GIVEN_UP)
        elif known.anchored_ms is not None:
            self._end(row, CardCheckState.GIVEN_UP)
        elif sum(verdict in _GRAVE for verdict in verdicts) > _GRAVE_AT_MOST:
            self._end(row, CardCheckState.FAILED)
        elif state is CardCheckState.OPEN and verdicts.count(FaceVerdict.VERIFIED.value) >= FRAMES_NEEDED:
            if row.two_people:
                row.state = CardCheckState.SEEN.value
                self._session.flush()
            else:
                self._anchor(row)
        elif state is CardCheckState.OPEN and len(verdicts) >= FRAMES_AT_MOST:
            self._end(row, CardCheckState.FAILED)
        elif age > (OPEN_FOR if state is CardCheckState.OPEN else SECOND_PERSON_WITHIN):
            self._end(row, CardCheckState.EXPIRED)
        return self._read(row)

    def _anchor(self, row: CardCheckRow) -> None:
        reference = self._reference(LearnerRef(row.learner), ClassRunId(row.class_run))
        seen_by = [row.opened_by] if row.confirmed_by is None else [row.opened_by, row.confirmed_by]
        done = anchored(
            self._tx,
            reference,
            self._study_clock.now(),
            STAFF_CARD_CHECK,
            seen_by=seen_by,
            place=row.place,
            card_check=row.id,
        )
        self._store.save_reference(replace(done, card_check=row.id))
        self._end(row, CardCheckState.ANCHORED)

    def _end(self, row: CardCheckRow, state: CardCheckState) -> None:
        row.state, row.decided_at = state.value, self._clock.now()
        self._session.flush()

    def _reference(self, learner: LearnerRef, class_run: ClassRunId) -> FaceReference:
        found = self._store.reference(learner, class_run)
        if found is None or not found.is_of(self._recogniser):
            raise InvalidInput(
                "face_reference_required", "请学员先完成人脸登记的拍照,再当面核对证件。", http_status=409
            )
        return found

    def _rows(self, learner: LearnerRef, class_run: ClassRunId) -> Sequence[CardCheckRow]:
        return self._session.scalars(
            select(CardCheckRow)
            .where(CardCheckRow.learner == learner, CardCheckRow.class_run == class_run)
            .order_by(CardCheckRow.opened_at, CardCheckRow.id)
            .with_for_update()
        ).all()

    def _row(self, check_id: str) -> CardCheckRow:
        row = self._session.scalar(
            select(CardCheckRow).where(CardCheckRow.id == check_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        if row is None:
            raise InvalidInput("card_check_unknown", "没有这次核对,请刷新页面。", http_status=404)
        return row

    def _read(self, row: CardCheckRow) -> CardCheck:
        frames = self._store.frames_of_check(CheckId(row.id))
        judged = [frame for frame in frames if frame.verdict is not None]
        return CardCheck(
            row.id,
            LearnerRef(row.learner),
            ClassRunId(row.class_run),
            row.reference,
            row.document,
            row.two_people,
            row.place,
            row.opened_by,
            row.opened_at,
            CardCheckState(row.state),
            row.confirmed_by,
            row.decided_at,
            sum(frame.verdict == FaceVerdict.VERIFIED.value for frame in judged),
            len(judged) < len(frames),
            judged[-1].message if judged else "",
        )
