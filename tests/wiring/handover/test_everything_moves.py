"""The hand-over of article 26: everything of an institution moves to an empty bridge, and holds there too."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bridge.archive.verification import verify
from bridge.db.vault import EvidenceRow
from bridge.identity.store import SqlIdentityStore
from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import EvidenceId
from bridge.ledger.audit import audit
from bridge.wiring import House, handover_pack
from bridge.wiring.handover_model import (
    MANIFEST,
    Receiver,
    ReceiverKind,
    Signed,
    read_receiver,
    read_signed,
    sender_keys,
)
from bridge.wiring.handover_pack import Order, pack
from bridge.wiring.handover_receipt import keep_receipt
from bridge.wiring.handover_rows import (
    ENCRYPTED,
    LEFT,
    count_rows,
    left_tables,
    moved_tables,
    rows_of,
    take_rows,
)
from bridge.wiring.handover_take import take_in, unpack
from bridge.wiring.handover_trust import Trust
from plugins.archive.bagit_bag import BagitBag
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    ORG,
    OTHER_ORG,
    RUN,
    STRANGER_ID,
)
from tests.wiring.handover.handed_over import (
    FRAME,
    LIN,
    OPERATOR_NAME,
    SEALED,
    TAKER,
    ZHOU,
    Sent,
    empty_bridge,
)


def test_every_row_that_moves_arrives(sent: Sent, there: House, taken: Signed) -> None:
    here = sent.sender.house
    with (
        here.uow.for_institution(ORG, read_only=True) as mine,
        there.uow.for_institution(ORG, read_only=True) as theirs,
    ):
        for table in moved_tables():
            # Packing itself looked at people and wrote the hand-over down; neither moves.
            left = taken.body["left_out"].get(table.name, {"rows": 0})["rows"]
            sent_rows = count_rows(mine.session, table, ORG)
            assert count_rows(theirs.session, table, ORG) == sent_rows - left, table.name
    assert taken.body["counts"]["rows.ledger_entry"] > 600


def test_names_are_readable_there_under_keys_of_that_bridge(sent: Sent, there: House, taken: Signed) -> None:
    with there.uow.for_institution(ORG) as tx:
        identity = there.at(tx).identity
        person = identity.disclose(sent.learner, purpose="test", recipient="t", by="t")
        assert (person.name, person.citizen_id) == (CHEN, CHEN_ID)
        assert person.employer
    with there.uow.for_institution(ORG, read_only=True) as tx:
        store = SqlIdentityStore(tx, there.cipher)
        assert store.learner_with(CHEN_ID) == sent.learner
        assert store.learner_with(STRANGER_ID) is None
    assert there.key_ring.root != sent.sender.house.key_ring.root


def test_ledgers_are_the_same_bytes_and_verify_with_the_senders_keys(
    sent: Sent, there: House, taken: Signed
) -> None:
    here = sent.sender.house
    with (
        here.uow.for_institution(ORG, read_only=True) as mine,
        there.uow.for_institution(ORG, read_only=True) as theirs,
    ):
        assert here.at(mine).ledger.export_jsonl(sent.learner, RUN) == there.at(theirs).ledger.export_jsonl(
            sent.learner, RUN
        )
    keys, past = there.ledger_keys.known_of(ORG), there.ledger_keys.taken()
    assert sent.manifest.signed_by in past[ORG]
    with there.uow.across_institutions("test: audit", read_only=True) as tx:
        found = audit(tx, there.ledger_marks, {}, institution=ORG, taken={ORG: keys})
    assert found.faults == []
    assert found.heads >= 1
    assert found.entries > 600


def test_papers_verify_there_with_their_number_and_code(sent: Sent, there: House, taken: Signed) -> None:
    paper = sent.sender.papers(sent.learner)[0]
    with there.uow.for_institution(ORG, read_only=True) as tx:
        stations = there.at(tx)
        found = stations.completion_store.paper_by_number(paper.number)
        assert found == paper
        assert stations.completion.pdf(found).startswith(b"%PDF")
        assert stations.earned.earned(sent.learner, RUN).online_class_hours == 2


def test_evidence_is_readable_there_and_sealed_files_verify(
    sent: Sent, there: House, taken: Signed, tmp_path: Path
) -> None:
    with there.uow.for_institution(ORG, read_only=True) as tx:
        stations = there.at(tx)
        assert stations.vault.get(ORG, sent.frame) == FRAME
        everything = tx.session.scalars(select(EvidenceRow.id)).all()
        assert all(stations.vault.get(ORG, EvidenceId(one)) is not None for one in everything)
        assert len(everything) == sent.manifest.body["counts"]["evidence"]
        stations.archive.take_out(sent.learner, RUN, tmp_path / "bag")
    assert verify(tmp_path / "bag", BagitBag()) == ()


def test_the_receipt_is_kept_with_the_hand_over(sent: Sent, taken: Signed) -> None:
    keys = {sent.receiver.signs.id: sent.receiver.signs} if sent.receiver.signs else {}
    house = sent.sender.house
    assert keep_receipt(house, ORG, taken.to_bytes(), keys).body["manifest_sha256"] == sent.manifest.sha256
    own = {one.public.id: one.public for one in house.ledger_keys.known()}
    with pytest.raises(InvalidInput, match="handover_signature_wrong"):
        keep_receipt(house, ORG, taken.to_bytes(), own)
    with pytest.raises(InvalidInput, match="handover_unknown"):
        keep_receipt(house, OTHER_ORG, taken.to_bytes(), keys)


def test_an_institution_is_taken_in_once(sent: Sent, there: House, taken: Signed) -> None:
    with pytest.raises(InvalidInput, match="institution_known"):
        take_in(there, sent.folder, SEALED, sent.key, sender=sent.manifest.signed_by, by=TAKER)


def test_nothing_of_a_learner_stands_in_the_clear_in_a_package(sent: Sent) -> None:
    everything = b"".join(path.read_bytes() for path in sent.folder.rglob("*") if path.is_file())
    for word in (CHEN, CHEN_ID, HUANG, HUANG_ID):
        assert word.encode() not in everything
    assert FRAME not in everything
    assert len(list((sent.folder / "parts").iterdir())) > 3


def test_only_the_receivers_key_opens_it_and_only_the_expected_sender_is_believed(
    sent: Sent, tmp_path: Path
) -> None:
    signer = sent.manifest.signed_by
    with pytest.raises(InvalidInput, match="handover_not_for_us"):
        unpack(sent.folder, tmp_path / "a", SEALED, SEALED.new_key(), signer)
    with pytest.raises(InvalidInput, match="handover_sender_differs"):
        unpack(sent.folder, tmp_path / "b", SEALED, sent.key, "another")
    with pytest.raises(InvalidInput, match="handover_part_unreadable"):
        SEALED.open(SEALED.new_key(), next((sent.folder / "parts").iterdir()).read_bytes())


def test_a_changed_missing_or_exchanged_part_takes_nothing_in(sent: Sent, tmp_path: Path) -> None:
    house = empty_bridge(tmp_path / "other")
    signer = sent.manifest.signed_by

    def refused(copy: Path, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason):
            take_in(house, copy, SEALED, sent.key, sender=signer, by=TAKER)
        with house.uow.across_institutions("test: nothing was taken", read_only=True) as tx:
            assert not any(count_rows(tx.session, table, ORG) for table in moved_tables())
            assert tx.session.scalar(select(func.count(EvidenceRow.id))) == 0

    copy = tmp_path / "copy"
    shutil.copytree(sent.folder, copy)
    first = copy / "parts" / "000001.jwe"
    first.write_bytes(first.read_bytes()[:-1])
    refused(copy, "handover_part_changed")
    first.unlink()
    refused(copy, "handover_part_missing")
    manifest = copy / "manifest.json"
    said = json.loads(manifest.read_text())
    said["body"]["counts"]["evidence"] += 1
    manifest.write_text(json.dumps(said))
    refused(copy, "handover_malformed")
    house.close()


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("ledger_entry", "kind", "offline", "handover_ledger_broken"),
        ("ledger_head", "hash", "0" * 64, "handover_ledger_broken"),
        ("ledger_tree_head", "root", "0" * 64, "handover_ledger_broken"),
        ("certificate", "sha256", "0" * 64, "handover_paper_differs"),
        ("class_run", "institution_id", OTHER_ORG, "handover_rows_differ"),
        ("class_run", "colour", "red", "handover_rows_differ"),
    ],
)
def test_a_sender_whose_records_do_not_hold_together_is_not_taken_in(
    sent: Sent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    column: str,
    value: str,
    reason: str,
) -> None:
    def forged(session: Any, one: Any, *more: Any) -> Iterator[list[bytes]]:
        for number, lines in enumerate(rows_of(session, one, *more)):
            if one.name == table and number == 0:
                lines[0] = json.dumps({**json.loads(lines[0]), column: value}).encode() + b"\n"
            yield lines

    monkeypatch.setattr(handover_pack, "rows_of", forged)
    order = Order(ORG, sent.receiver, ReceiverKind.OPERATOR, "平台退出", LIN, ZHOU)
    manifest = pack(sent.sender.house, order, tmp_path / "package", SEALED)
    house = empty_bridge(tmp_path / "other")
    with pytest.raises(InvalidInput, match=reason):
        take_in(house, tmp_path / "package", SEALED, sent.key, sender=manifest.signed_by, by=TAKER)
    with house.uow.across_institutions("test: nothing was taken", read_only=True) as tx:
        assert not any(count_rows(tx.session, one, ORG) for one in moved_tables())
    house.close()


def test_a_manifest_that_somebody_signed_anew_is_not_the_senders(sent: Sent, there: House) -> None:
    body = {**sent.manifest.body, "purpose": "另一事由"}
    with there.uow.for_institution(ORG) as tx:
        forged = Signed(body, *there.ledger_keys.sign_within(tx.session, canonical_json(body)))
    again = read_signed(forged.to_bytes(), MANIFEST)
    with pytest.raises(InvalidInput, match="handover_sender_differs"):
        sender_keys(again, sent.manifest.signed_by)
    with pytest.raises(InvalidInput, match="handover_signature_wrong"):
        sender_keys(again, forged.signed_by)


def test_an_examination_body_gets_readable_documents_and_nothing_else(
    sent: Sent, there: House, tmp_path: Path
) -> None:
    house = sent.sender.house
    key = SEALED.new_key()
    exam = Receiver("考试中心", SEALED.public(key), None)
    order = Order(ORG, exam, ReceiverKind.EXAM_BODY, "考试报名", LIN, ZHOU, (RUN,))
    manifest = pack(house, order, tmp_path / "out", SEALED)
    unpack(tmp_path / "out", tmp_path / "plain", SEALED, key, manifest.signed_by)
    assert {path.name for path in (tmp_path / "plain").iterdir()} == {"documents"}
    learner = tmp_path / "plain" / "documents" / RUN / "learners" / f"{sent.learner}.tar"
    assert CHEN.encode() in learner.read_bytes()
    with pytest.raises(InvalidInput, match="handover_without_records"):
        take_in(there, tmp_path / "out", SEALED, key, sender=manifest.signed_by, by=TAKER)


def test_two_people_hand_over(sent: Sent, tmp_path: Path) -> None:
    order = Order(ORG, sent.receiver, ReceiverKind.OPERATOR, "平台退出", LIN, LIN)
    with pytest.raises(NotPermitted, match="second_person_required"):
        pack(sent.sender.house, order, tmp_path / "out", SEALED)


def test_a_receivers_file_says_no_private_key(sent: Sent) -> None:
    again = read_receiver(json.dumps(sent.receiver.to_json()).encode())
    assert again.encrypt_to == sent.receiver.encrypt_to
    assert "d" not in sent.receiver.to_json()["encrypt_to"]
    with pytest.raises(InvalidInput, match="receiver_malformed"):
        read_receiver(json.dumps({**sent.receiver.to_json(), "encrypt_to": sent.key}).encode())


def test_every_table_of_an_institution_moves_or_says_why_not() -> None:
    assert set(LEFT) <= set(left_tables()), "a table that is named as left is there no more"
    for table in moved_tables():
        personal = {column.name for column in table.columns if column.name.endswith("_enc")}
        assert personal == set(ENCRYPTED.get(table.name, {})), table.name
        secret = {
            column.name for column in table.columns if column.name in ("nonce", "wrapped", "token_sha256")
        }
        assert secret <= {"nonce"}, table.name


def test_a_row_of_another_institution_is_never_written(there: House) -> None:
    (table,) = [one for one in moved_tables() if one.name == "outline"]
    line = json.dumps({"id": "o", "institution_id": OTHER_ORG, "title": "t", "units": []}).encode()
    with (
        there.uow.for_institution(ORG) as tx,
        pytest.raises(ValueError, match="another institution"),
    ):
        take_rows(tx.session, table, ORG, [line], there.cipher, there.ledger_marks, Trust(OPERATOR_NAME))
