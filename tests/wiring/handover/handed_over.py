"""An institution in which somebody finished, packed for an empty bridge: what the tests of the hand-over begin with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import EvidenceId, LearnerRef
from bridge.ledger.sealing import SEAL
from bridge.registry.leaving_model import Leaving
from bridge.settings import ROOT, Mode, Settings
from bridge.wiring import House
from bridge.wiring.handover_model import Receiver, ReceiverKind, Signed
from bridge.wiring.handover_pack import Order, pack
from bridge.wiring.leaving import take_step
from plugins.archive.jwe_parts import JweParts
from tests.servers.tables import make_tables
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    ORG,
    PASSWORD,
    RUN,
    Furnished,
    furnish,
)

LIN, ZHOU = "staff-lin", "staff-zhou"
TAKER, SECOND = "operator-new", "operator-two"
OPERATOR_NAME = "接任网络平台(演示)"
SEALED = JweParts()
FRAME = b"\xff\xd8\xff\xe0 a frame that was captured"


@dataclass
class Sent:
    """A package as it lies with the receiver, and what the sender knew."""

    sender: Furnished
    folder: Path
    key: dict[str, Any]
    receiver: Receiver
    manifest: Signed
    learner: LearnerRef
    frame: EvidenceId


def receiver_of(house: House, name: str = "接任网络平台") -> tuple[dict[str, Any], Receiver]:
    key = SEALED.new_key()
    return key, Receiver(name, SEALED.public(key), house.ledger_keys.signing().public)


def empty_bridge(folder: Path, database_url: str = "") -> House:
    """Return a bridge that has nothing, with keys of its own."""
    settings = Settings(mode=Mode.DEMONSTRATION, var=folder / "var", database_url=database_url)
    settings.data_dir.mkdir(parents=True)
    (folder / "var" / "assets").symlink_to(ROOT / "var" / "assets")
    house = House(settings)
    make_tables(house.engine)
    open_account(house, TAKER)
    open_account(house, SECOND, "administrator")
    return house


def open_account(house: House, login: str, role: Any = "operator") -> None:
    """Have somebody of the bridge with an account that was accepted."""
    with house.uow.across_institutions("test: somebody of the bridge") as tx:
        staff = house.at(tx).staff
        staff.accept(staff.invite(role, login).token, PASSWORD)


def leave(house: House, *steps: Leaving, by: str = LIN, approved_by: str = ZHOU) -> None:
    """Take steps of leaving, by two people of the institution unless others are named."""
    for step in steps:
        take_step(house, ORG, step, reason="平台退出网络培训", by=by, approved_by=approved_by)


def furnish_leaving(folder: Path) -> tuple[Furnished, LearnerRef, EvidenceId]:
    """Return a house in which somebody finished and a key was destroyed, the learner, and a frame of theirs."""
    made = furnish(folder, with_fonts=True)
    _, learner = made.enrol("lms-user-1001", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    made.enrol("lms-user-1002", HUANG, HUANG_ID)
    with made.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_FRAME, RUN)
        frame = made.house.at(tx).vault.put(scope, FRAME, "image/jpeg")
        gone = EvidenceScope(ORG, learner, EvidencePurpose.FACE_TEMPLATE, RUN)
        made.house.at(tx).vault.put(gone, b"template", "x/y")
        made.house.at(tx).vault.destroy(gone, reason="consent_withdrawn", by="acc_1")
        tx.want(SEAL, ORG)
    made.work_off()
    return made, learner, frame


def order_for(receiver: Receiver) -> Order:
    """Return the order for everything."""
    return Order(ORG, receiver, ReceiverKind.OPERATOR, "平台退出", LIN, ZHOU)


def send(folder: Path, there: House) -> Sent:
    """Return a package of small parts for the bridge `there`; tests only read it."""
    made, learner, frame = furnish_leaving(folder / "here")
    leave(made.house, Leaving.ANNOUNCED, Leaving.FROZEN)
    made.work_off()
    key, receiver = receiver_of(there)
    manifest = pack(made.house, order_for(receiver), folder / "package", SEALED, octets=64 * 1024)
    return Sent(made, folder / "package", key, receiver, manifest, learner, frame)
