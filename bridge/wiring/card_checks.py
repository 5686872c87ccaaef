"""Staff's check of the card in person: identity knows the number, presence the face."""

from typing import TYPE_CHECKING

from bridge.db.unit_of_work import Tx
from bridge.identity.documents import plain_number
from bridge.identity.model import BY_STAFF, document_of
from bridge.identity.store import SqlIdentityStore
from bridge.intake.webhook import names_a_person
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.kernel.time import legal_date
from bridge.presence.card_checks import CardCheck, Place
from bridge.wiring.face_gate import require_face_checking

if TYPE_CHECKING:
    from bridge.wiring.house import House
    from bridge.wiring.stations import Stations


def open_card_check(
    house: "House",
    tx: Tx,
    class_run: ClassRunId,
    learner: LearnerRef,
    *,
    card_number: str,
    place_id: str,
    by: str,
) -> tuple[CardCheck, str]:
    """Begin a check by the word of a member of staff who has person and card; return it and its first nonce.

    Args:
        card_number: as it stands on the card; it must be the one in force for the person today.

    Raises:
        InvalidInput: learner_unknown, card_number_differs; as `CardChecks.open`.
        NotPermitted: as `_require_face`.
    """
    number = _own_number(house, tx, class_run, learner, card_number)
    document = document_of(number)
    return house.at(tx).card_checks.open(
        learner,
        class_run,
        place_id=place_id,
        document=document.value,
        two_people=document in BY_STAFF,
        by=by,
    )


def take_card_frame(house: "House", tx: Tx, check: CardCheck, nonce: str, jpeg: bytes, *, by: str) -> str:
    """Take one frame of who stands there; return the nonce of the next.

    Raises:
        InvalidInput: as `CardChecks.submit`.
        NotPermitted: as `CardChecks.submit` and `_require_face`.
    """
    stations = house.at(tx)
    _require_face(stations, check.learner, check.class_run)
    return stations.card_checks.submit(check.id, nonce, jpeg, by=by)


def confirm_card_check(house: "House", tx: Tx, check: CardCheck, *, card_number: str, by: str) -> CardCheck:
    """Anchor by the word of a second member of staff, who has person and document before them, too.

    Raises:
        InvalidInput: card_number_differs; as `CardChecks.confirm`.
        NotPermitted: second_person_required; as `_require_face`.
    """
    _own_number(house, tx, check.class_run, check.learner, card_number)
    return house.at(tx).card_checks.confirm(check.id, by=by)


def check_of(house: "House", tx: Tx, class_run: ClassRunId, learner: LearnerRef, check_id: str) -> CardCheck:
    """Return a check of this learner in this class run; InvalidInput("card_check_unknown") for any other."""
    check = house.at(tx).card_checks.look(check_id)
    if (check.learner, check.class_run) != (learner, class_run):
        raise InvalidInput("card_check_unknown", "没有这次核对,请刷新页面。", http_status=404)
    return check


def add_place(house: "House", tx: Tx, title: str, *, by: str) -> Place:
    """Add a place to the institution's list; InvalidInput: place_malformed, place_known."""
    if names_a_person(title):
        raise InvalidInput("place_malformed", "地点中不要写人名、号码和联系方式。")
    return house.at(tx).card_checks.add_place(title, by=by)


def _own_number(house: "House", tx: Tx, class_run: ClassRunId, learner: LearnerRef, card_number: str) -> str:
    stations = house.at(tx)
    stations.registry.require_enrolled(class_run, learner)
    _require_face(stations, learner, class_run)
    person = SqlIdentityStore(tx, house.cipher).person_on(learner, legal_date(house.clock.now()))
    if person is None:
        raise InvalidInput("learner_unknown", "没有这名学员,请刷新后重试。", http_status=404)
    if plain_number(card_number) != person[1]:
        raise InvalidInput(
            "card_number_differs", "与学员实名的证件号码不一致,请对照证件重新输入。", http_status=422
        )
    return person[1]


def _require_face(stations: "Stations", learner: LearnerRef, class_run: ClassRunId) -> None:
    """Return if the learner's face may be taken in now, as `face_gate.require_face_of`, in words for staff.

    Raises:
        NotPermitted: consent_required; as `face_gate.require_face_checking`.
    """
    if not stations.identity.may_process_face(learner):
        raise NotPermitted("consent_required", "这名学员没有同意人脸信息处理,请改由工作人员监督学习。")
    require_face_checking(stations, class_run)
