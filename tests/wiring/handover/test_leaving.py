"""An institution leaves step by step: what stops, what can be taken back, and what is packed as of one moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CourseUnitId, LearnerRef, StudySessionId
from bridge.kernel.time import legal_date
from bridge.ledger.audit import audit
from bridge.ledger.service import EXTENDED_JOB
from bridge.presence.model import Activity
from bridge.presence.tables import StudySessionRow
from bridge.registry.leaving import Leavings
from bridge.registry.leaving_model import Leaving
from bridge.registry.tables import ClassRunRow, OutlineRow
from bridge.wiring import House
from bridge.wiring.handover_model import PartSeal, Receiver, Signed
from bridge.wiring.handover_pack import pack
from bridge.wiring.handover_receipt import changed_since, keep_receipt
from bridge.wiring.handover_rows import count_rows, moved_tables
from bridge.wiring.handover_take import take_in
from tests.servers.postgresql import Cluster
from tests.web.furnished import CHEN, CHEN_ID, ORG, RUN, Furnished, furnish
from tests.wiring.handover.handed_over import (
    LIN,
    OPERATOR_NAME,
    SEALED,
    SECOND,
    TAKER,
    ZHOU,
    Sent,
    empty_bridge,
    leave,
    order_for,
    receiver_of,
)

FIRST = (Leaving.ANNOUNCED, Leaving.FROZEN)


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path / "here", with_fonts=True)
    yield made
    made.house.close()


def standing(house: House) -> Leaving | None:
    with house.uow.for_institution(ORG, read_only=True) as tx:
        return Leavings(tx, house.clock).now()


def against(house: House) -> set[str]:
    with house.uow.for_institution(ORG, read_only=True) as tx:
        registry = house.at(tx).registry
        decision = registry.opening_decision(registry.class_run(RUN), legal_date(house.study_clock.now()))
    return {reason.code for reason in decision.reasons}


def test_teaching_stops_when_frozen_and_goes_on_when_two_people_take_it_back(staying: Furnished) -> None:
    house = staying.house
    assert (standing(house), against(house)) == (None, set())
    leave(house, Leaving.ANNOUNCED)
    assert against(house) == set()
    leave(house, Leaving.FROZEN)
    assert against(house) == {"leaving"}
    leave(house, Leaving.TAKEN_BACK)
    assert (standing(house), against(house)) == (Leaving.TAKEN_BACK, set())
    leave(house, *FIRST)
    with house.uow.for_institution(ORG, read_only=True) as tx:
        steps = Leavings(tx, house.clock).all()
    assert [one.step for one in steps] == [*FIRST, Leaving.TAKEN_BACK, *FIRST]
    assert all(one.at == house.clock.now() and one.by != one.approved_by for one in steps)


@pytest.mark.parametrize(
    ("before", "step"),
    [
        ((), Leaving.FROZEN),
        ((), Leaving.TAKEN_BACK),
        ((Leaving.ANNOUNCED,), Leaving.ANNOUNCED),
        (FIRST, Leaving.HANDED_OVER),
        (FIRST, Leaving.ENDED),
    ],
)
def test_a_step_follows_from_the_one_before(
    staying: Furnished, before: tuple[Leaving, ...], step: Leaving
) -> None:
    """Handed over is what the receipt says, and nobody's word."""
    house = staying.house
    leave(house, *before)
    with pytest.raises(InvalidInput, match="leaving_step_wrong"):
        leave(house, step)


def test_a_step_is_two_peoples_and_has_a_reason(staying: Furnished) -> None:
    house = staying.house
    with pytest.raises(NotPermitted, match="second_person_required"):
        leave(house, Leaving.ANNOUNCED, by=LIN, approved_by=LIN)
    with pytest.raises(NotPermitted, match="handover_role_wrong"):
        leave(house, Leaving.ANNOUNCED, by=LIN, approved_by="staff-ping")
    with house.uow.for_institution(ORG) as tx, pytest.raises(InvalidInput, match="leaving_reason_malformed"):
        Leavings(tx, house.clock).take(Leaving.ANNOUNCED, reason=" ", by="a", approved_by="b")
    assert standing(house) is None


def test_freezing_closes_open_study_sessions(staying: Furnished) -> None:
    house = staying.house
    account, learner = staying.enrol("lms-user-1001", CHEN, CHEN_ID)
    session = open_session(house, account, learner)
    leave(house, *FIRST)
    with house.uow.for_institution(ORG, read_only=True) as tx:
        row = tx.session.get(StudySessionRow, session)
        assert row is not None
        assert (row.open, row.closed_reason) == (False, "leaving")


def open_session(house: House, account: str, learner: LearnerRef) -> StudySessionId:
    with house.uow.for_institution(ORG) as tx:
        at = house.at(tx).presence
        opened = at.open_session(
            learner=learner,
            class_run=RUN,
            unit=CourseUnitId("unit_fire"),
            activity=Activity.STUDY,
            attempt=None,
            account_id=account,
            token_id="tok_1",
        )
    return opened.session.id


def refused(house: House, receiver: Receiver, folder: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        pack(house, order_for(receiver), folder, SEALED)
    assert not folder.exists()
    return caught.value.reason


def test_records_are_packed_once_teaching_stopped_and_nothing_is_under_way(
    staying: Furnished, sent: Sent, tmp_path: Path
) -> None:
    house, out = staying.house, tmp_path / "out"
    _, learner = staying.enrol("lms-user-1001", CHEN, CHEN_ID)
    assert refused(house, sent.receiver, out) == "handover_not_frozen"
    leave(house, Leaving.ANNOUNCED)
    assert refused(house, sent.receiver, out) == "handover_not_frozen"
    leave(house, Leaving.FROZEN)
    with house.uow.for_institution(ORG) as tx:
        tx.want(EXTENDED_JOB, f"{learner}|{RUN}")
    assert refused(house, sent.receiver, out) == "handover_work_waiting"
    staying.work_off()
    manifest = pack(house, order_for(sent.receiver), out, SEALED)
    assert manifest.body["frozen_at"] is not None
    leave(house, Leaving.TAKEN_BACK)
    assert refused(house, sent.receiver, tmp_path / "again") == "handover_not_frozen"


def handed_over(staying: Furnished, there: House, tmp_path: Path) -> tuple[Signed, Signed, Receiver]:
    """Return manifest, receipt and receiver of a hand-over that the sender has not heard the receipt of."""
    house = staying.house
    leave(house, *FIRST)
    key, receiver = receiver_of(there)
    manifest = pack(house, order_for(receiver), tmp_path / "package", SEALED)
    receipt = take_in(there, tmp_path / "package", SEALED, key, sender=manifest.signed_by, by=TAKER)
    return manifest, receipt, receiver


def signs(receiver: Receiver) -> dict[str, Any]:
    return {} if receiver.signs is None else {receiver.signs.id: receiver.signs}


def test_the_receipt_makes_it_final(staying: Furnished, tmp_path: Path) -> None:
    house, there = staying.house, empty_bridge(tmp_path / "there")
    manifest, receipt, receiver = handed_over(staying, there, tmp_path)
    assert keep_receipt(house, ORG, receipt.to_bytes(), signs(receiver)).body["left_out"]
    assert standing(house) is Leaving.HANDED_OVER
    assert changed_since(house, ORG, manifest.body["id"]) == []
    with pytest.raises(InvalidInput, match="leaving_step_wrong"):
        leave(house, Leaving.TAKEN_BACK)
    keep_receipt(house, ORG, receipt.to_bytes(), signs(receiver))
    leave(house, Leaving.ENDED)
    assert against(house) == {"leaving"}
    with house.uow.for_institution(ORG) as tx:
        tx.session.add(OutlineRow(id="o_late", institution_id=ORG, title="t", theory_class_hours=1, units=[]))
    assert changed_since(house, ORG, manifest.body["id"]) == ["outline"]
    there.close()


def test_no_paper_is_issued_here_once_another_bridge_counts_on(staying: Furnished, tmp_path: Path) -> None:
    """Frozen it still is, for who finished before; two bridges that count the same numbers would give one twice."""
    house, there = staying.house, empty_bridge(tmp_path / "there")
    _, learner = staying.enrol("lms-user-1001", CHEN, CHEN_ID)
    _, receipt, receiver = handed_over(staying, there, tmp_path)

    def standing_for_a_paper() -> str:
        with house.uow.for_institution(ORG, read_only=True) as tx:
            stations = house.at(tx)
            sheet = stations.registry.class_run_sheet(RUN, learner)
            return stations.standings.standing(sheet, legal_date(house.clock.now())).institution_name

    assert standing_for_a_paper()
    keep_receipt(house, ORG, receipt.to_bytes(), signs(receiver))
    with pytest.raises(InvalidInput, match="institution_left"):
        standing_for_a_paper()
    there.close()


def test_a_receipt_that_comes_after_it_was_taken_back_is_refused(staying: Furnished, tmp_path: Path) -> None:
    house, there = staying.house, empty_bridge(tmp_path / "there")
    _, receipt, receiver = handed_over(staying, there, tmp_path)
    leave(house, Leaving.TAKEN_BACK)
    with pytest.raises(InvalidInput, match="leaving_step_wrong"):
        keep_receipt(house, ORG, receipt.to_bytes(), signs(receiver))
    assert standing(house) is Leaving.TAKEN_BACK
    there.close()


@pytest.mark.parametrize("what", ["counts", "signer", "second"])
def test_a_receipt_counts_that_the_receiver_of_the_package_signed_over_all_of_it(
    staying: Furnished, tmp_path: Path, what: str
) -> None:
    house, there = staying.house, empty_bridge(tmp_path / "there")
    _, receipt, receiver = handed_over(staying, there, tmp_path)
    other = there
    body, reason = dict(receipt.body), "handover_rows_differ"
    if what == "counts":
        body["counts"] = {**body["counts"], "rows.class_run": 0}
    elif what == "signer":
        other, reason = empty_bridge(tmp_path / "stranger"), "handover_signature_wrong"
    else:
        keep_receipt(house, ORG, receipt.to_bytes(), signs(receiver))
        body, reason = {**body, "taken_at": "2026-11-25T00:00:00Z"}, "handover_receipted"
    with other.uow.for_institution(ORG) as tx:
        forged = Signed(body, *other.ledger_keys.sign_within(tx.session, canonical_json(body)))
    _, stranger = receiver_of(other)
    with pytest.raises(InvalidInput, match=reason):
        keep_receipt(house, ORG, forged.to_bytes(), signs(stranger))
    assert standing(house) is (Leaving.HANDED_OVER if what == "second" else Leaving.FROZEN)
    there.close()


class Meanwhile:
    """A seal at whose first part somebody writes to the sender's database."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.wrote = False

    def seal(self, key: dict[str, Any], content: bytes) -> bytes:
        if not self.wrote:
            with self._house.uow.for_institution(ORG) as tx:
                tx.session.add(
                    OutlineRow(id="o_late", institution_id=ORG, title="t", theory_class_hours=1, units=[])
                )
                tx.session.get_one(ClassRunRow, RUN).title = "改过的班次名称"
            self.wrote = True
        return SEALED.seal(key, content)

    def __getattr__(self, name: str) -> Any:
        return getattr(SEALED, name)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_package_is_of_one_moment_whatever_is_written_meanwhile(
    sent: Sent, staying: Furnished, postgres_cluster: Cluster, tmp_path: Path, database: str
) -> None:
    with postgres_cluster.fresh_database() as url:
        house = staying.house
        people = {"by": LIN, "approved_by": ZHOU}
        if database == "postgresql":
            house, people = empty_bridge(tmp_path / "pg", url), {"by": TAKER, "approved_by": SECOND}
            moved(sent.sender.house, house, tmp_path / "first", {"by": LIN, "approved_by": ZHOU})
        leave(house, *FIRST, **people)
        there = empty_bridge(tmp_path / "there")
        seal: PartSeal = Meanwhile(house)
        moved(house, there, tmp_path / "second", people, seal, octets=1)
        with house.uow.for_institution(ORG, read_only=True) as tx:
            assert tx.session.get(OutlineRow, "o_late") is not None
        with there.uow.for_institution(ORG, read_only=True) as tx:
            assert tx.session.get(OutlineRow, "o_late") is None
            assert tx.session.get_one(ClassRunRow, RUN).title != "改过的班次名称"
        house.close()
        there.close()


def moved(
    house: House,
    there: House,
    folder: Path,
    people: dict[str, str],
    seal: PartSeal = SEALED,
    octets: int = 1 << 20,
) -> Signed:
    """Hand the institution over from `house`, which is frozen, to `there`; return the manifest."""
    key, receiver = receiver_of(there)
    order = order_for(receiver)
    named = type(order)(
        order.institution, receiver, order.kind, order.purpose, people["by"], people["approved_by"]
    )
    manifest = pack(house, named, folder, seal, octets=octets)
    take_in(there, folder, SEALED, key, sender=manifest.signed_by, by=TAKER, operator_name=OPERATOR_NAME)
    return manifest


def test_everything_moves_on_from_postgresql_to_sqlite(
    sent: Sent, there: House, taken: Signed, tmp_path: Path
) -> None:
    """The third bridge knows the first one's keys too: ledgers of the first still hold there, byte for byte."""
    leave(there, *FIRST, by=TAKER, approved_by=SECOND)
    third = empty_bridge(tmp_path / "third")
    manifest = moved(there, third, tmp_path / "package", {"by": TAKER, "approved_by": SECOND})
    assert {key["kid"] for key in manifest.body["keys"]} == {manifest.signed_by, sent.manifest.signed_by}
    with (
        there.uow.for_institution(ORG, read_only=True) as theirs,
        third.uow.for_institution(ORG, read_only=True) as ours,
    ):
        for table in moved_tables():
            assert count_rows(ours.session, table, ORG) == count_rows(theirs.session, table, ORG), table.name
        first, last = there.at(theirs), third.at(ours)
        assert first.ledger.export_jsonl(sent.learner, RUN) == last.ledger.export_jsonl(sent.learner, RUN)
        person = last.identity_store.person_on(sent.learner, legal_date(third.clock.now()), None)
        assert person is not None
        assert person[:2] == (CHEN, CHEN_ID)
        papers = last.completion_store.papers(sent.learner, RUN)
        assert papers == first.completion_store.papers(sent.learner, RUN)
        assert all(last.completion.pdf(one).startswith(b"%PDF") for one in papers)
    with third.uow.across_institutions("test: audit", read_only=True) as tx:
        found = audit(tx, third.ledger_marks, {}, taken={ORG: third.ledger_keys.known_of(ORG)})
    assert found.faults == []
    assert found.entries > 600
    third.close()
