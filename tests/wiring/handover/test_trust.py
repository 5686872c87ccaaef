"""What a receiver does not take a sender's word for: its own standing, other bytes than were signed, and keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from bridge.identity.access_log import verify as verify_access
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.ledger.tree_tables import LedgerKeyRow
from bridge.registry.assessment_tables import ImpactAssessmentRow
from bridge.registry.suspensions import Suspensions
from bridge.wiring import House, handover_pack
from bridge.wiring.credentials import did_json
from bridge.wiring.handover_model import PartSeal, Signed, parts_of
from bridge.wiring.handover_pack import pack
from bridge.wiring.handover_rows import count_rows, moved_tables, rows_of
from bridge.wiring.handover_take import take_in, unpack
from bridge.wiring.handover_trust import NOT_TAKEN, Trust
from tests.web.furnished import CHEN, NOW, ORG, OTHER_ORG, RUN
from tests.wiring.handover.handed_over import (
    LIN,
    OPERATOR_NAME,
    SEALED,
    TAKER,
    ZHOU,
    Sent,
    empty_bridge,
    open_account,
    order_for,
    receiver_of,
)


def nothing_was_taken(house: House) -> bool:
    with house.uow.across_institutions("test: nothing was taken", read_only=True) as tx:
        return not any(count_rows(tx.session, table, ORG) for table in moved_tables())


def test_a_senders_keys_prove_the_past_of_its_institution_and_nothing_of_any_other(
    sent: Sent, there: House, taken: Signed
) -> None:
    signer = sent.manifest.signed_by
    own = {one.public.id for one in there.ledger_keys.known()}
    assert signer not in own
    assert signer in there.ledger_keys.known_of(ORG)
    assert signer not in there.ledger_keys.known_of(OTHER_ORG)
    assert {key["kid"] for key in there.ledger_keys.jwks()["keys"]} == own
    with there.uow.across_institutions("test: whose keys sign", read_only=True) as tx:
        assert set(tx.session.scalars(select(LedgerKeyRow.kid))) == own
    # The sender's private half lives on at the sender's: it must not speak for the institution here.
    assert {method["publicKeyJwk"]["kid"] for method in did_json(there, ORG)["verificationMethod"]} == own


def test_a_taken_key_that_somebody_copies_to_another_institution_is_not_believed(
    sent: Sent, there: House, taken: Signed
) -> None:
    with there.uow.across_institutions("test: write as the database's owner") as tx:
        tx.session.execute(
            text(
                "INSERT INTO taken_ledger_key SELECT :other, kid, public_x, taken_at, mark FROM taken_ledger_key"
                " WHERE institution_id = :org"
            ),
            {"other": "org_copied", "org": ORG},
        )
    assert there.ledger_keys.taken("org_copied") == {}


def test_the_receiver_decides_itself_whether_the_institution_may_teach(
    sent: Sent, there: House, taken: Signed
) -> None:
    assert sent.manifest.body["counts"]["rows.city_registration"] == 1
    with there.uow.for_institution(ORG, read_only=True) as tx:
        stations = there.at(tx)
        institution = stations.registry_store.institution()
        assert institution is not None
        assert (institution.provincial_connected, institution.operator_name) == (False, OPERATOR_NAME)
        assert list(stations.registry_store.city_registrations()) == []
        assert tx.session.scalars(select(ImpactAssessmentRow)).all() == []
        run = stations.registry.class_run(RUN)
        against = {one.code for one in stations.registry.opening_decision(run, date(2026, 11, 24)).reasons}
    assert {"not_connected", "not_registered_in_city"} <= against
    left = taken.body["left_out"]
    assert left["city_registration"] == {"rows": 1, "why": NOT_TAKEN["city_registration"]}
    assert left["institution"]["rows"] == 0
    assert left["impact_assessment"]["rows"] >= 1


def test_what_an_authority_ordered_is_read_and_named_but_not_taken_from_a_sender(
    sent: Sent, tmp_path: Path
) -> None:
    """A sender that forges the end of an order gains nothing: the authority decides at this bridge."""
    here = sent.sender.house
    with here.uow.for_institution(ORG) as tx:
        ordered = Suspensions(tx, here.study_clock).order(
            division_code="440100",
            authority="广州市应急管理局(演示)",
            document_number="穗应急停〔2026〕1号",
            reason="检查发现的问题未整改",
            notice="请按要求整改后申请恢复",
            from_day=NOW.date(),
            by="official-guangzhou",
        )
    house = empty_bridge(tmp_path / "other")
    key, receiver = receiver_of(house)
    manifest = pack(here, order_for(receiver), tmp_path / "package", SEALED)
    unpack(tmp_path / "package", tmp_path / "plain", SEALED, key, manifest.signed_by)
    read = b"".join(path.read_bytes() for path in (tmp_path / "plain" / "rows").glob("*-suspension/*"))
    assert ordered.document_number.encode() in read
    receipt = take_in(house, tmp_path / "package", SEALED, key, sender=manifest.signed_by, by=TAKER)
    assert receipt.body["left_out"]["suspension"] == {"rows": 1, "why": NOT_TAKEN["suspension"]}
    with house.uow.for_institution(ORG, read_only=True) as tx:
        assert list(Suspensions(tx, house.study_clock).all()) == []
    house.close()


def test_every_table_that_refers_to_one_that_is_not_taken_is_not_taken_either() -> None:
    tables = {table.name: table for table in moved_tables()}
    assert set(NOT_TAKEN) <= set(tables)
    for table in tables.values():
        others = {key.column.table.name for key in table.foreign_keys} - {table.name}
        assert table.name in NOT_TAKEN or not others & set(NOT_TAKEN), table.name


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("ledger_correction", {"state": "proposed"}),
        ("certificate_change", {"state": "proposed"}),
        ("identity_change", {"state": "proposed"}),
        ("card_check", {"state": "seen"}),
        ("presence_check", {"state": "open"}),
        ("presence_prompt", {"state": "open"}),
        ("face_challenge", {"state": "open"}),
        ("archive_disposal", {"confirmed_at": None}),
    ],
)
def test_what_waits_for_a_second_person_at_the_senders_does_not_wait_for_one_here(
    table: str, row: dict[str, Any]
) -> None:
    tables = {one.name: one for one in moved_tables()}
    assert set(row) <= {column.name for column in tables[table].columns}
    trust = Trust(OPERATOR_NAME)
    assert not trust.takes(tables[table], row)
    assert trust.told()[table]["rows"] == 1
    assert trust.takes(tables[table], dict.fromkeys(row, "confirmed"))


def test_open_connections_end_with_the_take_over() -> None:
    tables = {one.name: one for one in moved_tables()}
    session = {"open": True, "secret_sha256": "0" * 64, "closed_reason": None}
    stretch = {"ended_ms": None, "attested_ms": 7, "ended_reason": None}
    trust = Trust(OPERATOR_NAME)
    trust.blank(tables["study_session"], session)
    trust.blank(tables["supervised_stretch"], stretch)
    assert session == {"open": False, "secret_sha256": "", "closed_reason": "leaving"}
    assert stretch == {"ended_ms": 7, "attested_ms": 7, "ended_reason": "leaving"}
    assert set(trust.told()) == {"study_session", "supervised_stretch"}


@dataclass
class Exchanging:
    """A seal whose folder somebody writes to: once a first part was opened, the last one is another."""

    folder: Path
    manifest: Signed
    content: bytes
    opened: list[bytes] = field(default_factory=list)

    def open(self, key: dict[str, Any], sealed: bytes) -> bytes:
        if not self.opened:
            last = parts_of(self.manifest)[-1]
            (self.folder / last.file).write_bytes(SEALED.seal(SEALED.public(key), self.content))
        self.opened.append(sealed)
        return SEALED.open(key, sealed)

    def __getattr__(self, name: str) -> Any:
        return getattr(SEALED, name)


def copied(sent: Sent, folder: Path) -> Path:
    (folder / "parts").mkdir(parents=True)
    for part in parts_of(sent.manifest):
        (folder / part.file).write_bytes((sent.folder / part.file).read_bytes())
    (folder / "manifest.json").write_bytes((sent.folder / "manifest.json").read_bytes())
    return folder


def exchanging(sent: Sent, folder: Path) -> PartSeal:
    last = parts_of(sent.manifest)[-1]
    content = SEALED.open(sent.key, (sent.folder / last.file).read_bytes())
    seal: PartSeal = Exchanging(copied(sent, folder), sent.manifest, content)
    return seal


def test_a_part_that_is_exchanged_after_it_was_checked_is_not_taken_in(sent: Sent, tmp_path: Path) -> None:
    house = empty_bridge(tmp_path / "other")
    seal = exchanging(sent, tmp_path / "copy")
    with pytest.raises(InvalidInput, match="handover_part_changed"):
        take_in(house, tmp_path / "copy", seal, sent.key, sender=sent.manifest.signed_by, by=TAKER)
    assert nothing_was_taken(house)
    house.close()


def test_a_part_that_is_exchanged_after_it_was_checked_is_not_unpacked(sent: Sent, tmp_path: Path) -> None:
    seal = exchanging(sent, tmp_path / "copy")
    with pytest.raises(InvalidInput, match="handover_part_changed"):
        unpack(tmp_path / "copy", tmp_path / "plain", seal, sent.key, sent.manifest.signed_by)


def test_course_material_that_is_not_what_its_name_says_is_not_kept(
    sent: Sent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = b"another lesson"

    def materials(_house: House, _tx: Any, package: Any) -> None:
        package.add(f"materials/{sha256_hex(b'the lesson that was reviewed')}", forged)
        package.counts["materials"] += 1

    monkeypatch.setattr(handover_pack, "_materials", materials)
    house = empty_bridge(tmp_path / "other")
    key, receiver = receiver_of(house)
    manifest = pack(sent.sender.house, order_for(receiver), tmp_path / "package", SEALED)
    with pytest.raises(InvalidInput, match="handover_part_changed"):
        take_in(house, tmp_path / "package", SEALED, key, sender=manifest.signed_by, by=TAKER)
    assert nothing_was_taken(house)
    assert not house.material_files.is_whole(sha256_hex(forged))
    house.close()


def test_an_institution_whose_code_is_registered_here_already_is_refused(
    sent: Sent, there: House, taken: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another id, as when both bridges had registered it: two histories are never merged."""

    def renamed(session: Any, one: Any, *more: Any) -> Iterator[list[bytes]]:
        for lines in rows_of(session, one, *more):
            yield [
                json.dumps({**json.loads(line), "uscc": "52440199MJK0000022"}).encode() + b"\n"
                if one.name == "institution"
                else line
                for line in lines
            ]

    monkeypatch.setattr(handover_pack, "rows_of", renamed)
    house = empty_bridge(tmp_path / "other")
    with house.uow.across_institutions("test: somebody else has the code") as tx:
        tx.session.execute(
            text(
                "INSERT INTO institution (id, uscc, name, operator_name, provincial_connected, institution_id)"
                " VALUES ('org_x', '52440199MJK0000022', 'x', 'y', false, 'org_x')"
            )
        )
    key, receiver = receiver_of(house)
    manifest = pack(sent.sender.house, order_for(receiver), tmp_path / "package", SEALED)
    with pytest.raises(InvalidInput, match="handover_rows_differ"):
        take_in(house, tmp_path / "package", SEALED, key, sender=manifest.signed_by, by=TAKER)
    house.close()


@pytest.mark.parametrize(
    ("by", "approved_by", "refused", "reason"),
    [
        (LIN, "staff_unheard_of", InvalidInput, "staff_unknown"),
        (LIN, "operator-invited", InvalidInput, "staff_unknown"),
        (LIN, "operator-shut", InvalidInput, "staff_unknown"),
        (LIN, "staff-ping", NotPermitted, "handover_role_wrong"),
        ("official-guangzhou", ZHOU, NotPermitted, "handover_role_wrong"),
        (LIN, f" {LIN.upper()} ", NotPermitted, "second_person_required"),
    ],
)
def test_only_people_of_the_bridge_or_of_the_institution_hand_over(
    sent: Sent, tmp_path: Path, by: str, approved_by: str, refused: type[Exception], reason: str
) -> None:
    house = sent.sender.house
    with house.uow.across_institutions("test: accounts that serve nobody") as tx:
        staff = house.at(tx).staff
        known = {one.account.login for one in staff.all()}
        if "operator-shut" not in known:
            staff.invite("operator", "operator-invited")
    if "operator-shut" not in known:
        open_account(house, "operator-shut")
        with house.uow.across_institutions("test: shut it") as tx:
            house.at(tx).staff.disable(house.at(tx).staff.by_login("operator-shut").id)
    order = order_for(sent.receiver)
    with pytest.raises(refused, match=reason):
        pack(house, replace(order, by=by, approved_by=approved_by), tmp_path / "o", SEALED)
    assert not (tmp_path / "o").exists()


def test_staff_of_an_institution_take_nothing_in(sent: Sent, tmp_path: Path) -> None:
    house = empty_bridge(tmp_path / "other")
    with house.uow.across_institutions("test: staff of some institution") as tx:
        staff = house.at(tx).staff
        staff.accept(
            staff.invite("institution", "staff-of-one", institution_id=OTHER_ORG).token, "made-up-Pass-2"
        )
    for named, reason in (("staff-of-one", "handover_role_wrong"), ("nobody", "staff_unknown")):
        with pytest.raises((InvalidInput, NotPermitted), match=reason):
            take_in(house, sent.folder, SEALED, sent.key, sender=sent.manifest.signed_by, by=named)
    house.close()


def test_who_was_packed_is_in_the_access_log_before_a_part_is_written(sent: Sent, tmp_path: Path) -> None:
    """Whoever stops the packing half-way has parts of people in hand whose names are in the log."""
    house = sent.sender.house
    seen: list[int] = []

    def looks() -> int:
        with house.uow.for_institution(ORG, read_only=True) as tx:
            found = tx.session.execute(
                text("SELECT count(*) FROM disclosure WHERE purpose = 'archive.handover'")
            ).scalar()
        return int(found or 0)

    class Stopping:
        def seal(self, key: dict[str, Any], content: bytes) -> bytes:
            seen.append(looks())
            assert CHEN.encode() in content
            raise KeyboardInterrupt

        def __getattr__(self, name: str) -> Any:
            return getattr(SEALED, name)

    before = looks()
    seal: PartSeal = Stopping()
    with pytest.raises(KeyboardInterrupt):
        pack(house, order_for(sent.receiver), tmp_path / "package", seal, octets=1)
    assert seen[0] > before
    assert not list((tmp_path / "package" / "parts").iterdir())
    with house.uow.across_institutions("test: the log", read_only=True) as tx:
        assert verify_access(tx.session, house.cipher)[1] == []
