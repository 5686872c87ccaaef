"""Receipts of destroyed keys, and a backup from before a destruction."""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DatabaseError

from bridge.db.data_keys import DataKeyRow
from bridge.db.destroyed_list import DestroyedList, receipt_of
from bridge.db.destruction import KeyDestructionRow, contents_hash, receipts_after
from bridge.db.vault import EvidenceRow
from bridge.kernel.canonical import GENESIS, sha256_hex
from bridge.kernel.errors import InvalidInput, Unavailable
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, InstitutionId, LearnerRef
from bridge.ledger.signatures import SigningKey
from bridge.privacy.receipts import check_receipts
from tests.db.vaults import SIGNING_KEY, VaultRoom, made_receipts

ORG, OTHER = InstitutionId("org_a"), InstitutionId("org_b")
SCOPE = EvidenceScope(ORG, LearnerRef("ln_1"), EvidencePurpose.FACE_TEMPLATE, ClassRunId("run_1"))
KEYS = {SIGNING_KEY.public.id: SIGNING_KEY.public}


@pytest.fixture
def room(database_url: str, tmp_path: Path) -> Iterator[VaultRoom]:
    built = VaultRoom(database_url, tmp_path / "blobs")
    yield built
    built.close()


def listed(room: VaultRoom, tmp_path: Path, mark: bytes = bytes(32)) -> DestroyedList:
    """Return the list, kept up to date by what the room destroys from now on."""
    made = DestroyedList(tmp_path / "destroyed-keys.jsonl", mark)
    room.receipts = made_receipts(lambda: made.sync_if_possible(room.units))
    return made


def destroy(room: VaultRoom, *subjects: str, institution: InstitutionId = ORG) -> None:
    """Keep something of each and destroy it."""
    for subject in subjects:
        scope = replace(SCOPE, subject=subject, institution_id=institution)
        with room.open(institution) as vault:
            vault.put(scope, subject.encode(), "x/y")
        with room.open(institution) as vault:
            assert vault.destroy(scope, reason="consent_withdrawn", by="acc_1") == 1


def receipts(room: VaultRoom) -> list[dict[str, Any]]:
    with room.units.across_institutions("test: receipts", read_only=True) as tx:
        return [receipt_of(row).to_json() for row in receipts_after(tx.session, 0)]


def reasons(given: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in check_receipts(given, KEYS)]


def test_a_receipt_says_what_when_and_by_whose_order_and_names_nobody(room: VaultRoom) -> None:
    with room.open() as vault:
        first, second = (vault.put(SCOPE, content, "x/y") for content in (b"a", b"b"))
    with room.open() as vault:
        assert vault.destroy(SCOPE, reason="class_run_ended", by="schedule") == 2
    (one,) = receipts(room)
    body = one["receipt"]
    with room.units.across_institutions("test: the key", read_only=True) as tx:
        key = tx.session.scalars(select(DataKeyRow)).one()
        assert key.wrapped == b""
    assert body == {
        "type": "anxue-key-destruction",
        "v": 1,
        "number": 1,
        "previous": GENESIS,
        "institution": "org_a",
        "subject": "ln_1",
        "purpose": "face_template",
        "class_run": "run_1",
        "key": key.id,
        "key_made_at": "2026-11-23T00:00:00.000Z",
        "destroyed_at": "2026-11-23T00:00:00.000Z",
        "reason": "class_run_ended",
        "ordered_by": "schedule",
        "pieces": 2,
        "contents_sha256": contents_hash([(second, sha256_hex(b"b")), (first, sha256_hex(b"a"))]),
    }
    assert reasons([one]) == []


def test_receipts_of_all_institutions_stand_in_one_chain(room: VaultRoom) -> None:
    destroy(room, "ln_1")
    destroy(room, "ln_2", institution=OTHER)
    destroy(room, "ln_3")
    given = receipts(room)
    assert [one["receipt"]["number"] for one in given] == [1, 2, 3]
    assert [one["receipt"]["previous"] for one in given] == [GENESIS, given[0]["sha256"], given[1]["sha256"]]
    assert reasons(given) == []
    # One institution's own, without what lies between.
    assert reasons([given[0], given[2]]) == []


def test_a_rolled_back_destruction_leaves_no_receipt(room: VaultRoom) -> None:
    with room.open() as vault:
        vault.put(SCOPE, b"a", "x/y")
    with room.open() as vault:
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
        vault._session.rollback()
    assert receipts(room) == []


def test_destructions_at_once_are_numbered_one_after_the_other(room: VaultRoom) -> None:
    for number in range(4):
        with room.open() as vault:
            vault.put(replace(SCOPE, subject=f"ln_{number}"), b"a", "x/y")
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            ready.wait(10)
            with room.open() as vault:
                vault.destroy(replace(SCOPE, subject=f"ln_{number}"), reason="requested", by="stf_lin")
        except BaseException as error:  # noqa: BLE001  # whatever went wrong is the test's answer
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    given = receipts(room)
    assert [one["receipt"]["number"] for one in given] == [1, 2, 3, 4]
    assert reasons(given) == []


def test_a_receipt_is_never_changed_or_removed(room: VaultRoom) -> None:
    destroy(room, "ln_1")
    for statement in ("UPDATE key_destruction SET body = 'x'", "DELETE FROM key_destruction"):
        with pytest.raises(DatabaseError, match="append-only"), room.engine.begin() as connection:
            connection.execute(text(statement))


def test_each_way_of_changing_a_receipt_shows(room: VaultRoom) -> None:
    destroy(room, "ln_1", "ln_2")
    first, second = receipts(room)
    changed = {**first, "receipt": {**first["receipt"], "pieces": 9}}
    again = sha256_hex(json.dumps(changed["receipt"]).encode())
    assert reasons([changed]) == [(1, "content_changed")]
    assert reasons([{**changed, "sha256": again}]) == [(1, "content_changed")]
    assert reasons([{**first, "signature": second["signature"]}]) == [(1, "signature_wrong")]
    assert reasons([{**first, "key": SigningKey.generate().public.id}]) == [(1, "key_unknown")]
    assert reasons([{"receipt": {"type": "other"}}, {}]) == [(1, "malformed"), (2, "malformed")]
    forged = made(second["receipt"] | {"previous": "1" * 64})
    assert reasons([first, forged]) == [(2, "link_broken")]


def made(body: dict[str, Any]) -> dict[str, Any]:
    """Return a receipt that the bridge's key signed, whatever it says."""
    from bridge.kernel.canonical import canonical_json

    content = canonical_json(body)
    return {
        "receipt": body,
        "sha256": sha256_hex(content),
        "key": SIGNING_KEY.public.id,
        "signature": SIGNING_KEY.sign(content),
    }


def test_the_list_has_each_receipt_once_and_is_the_owners_alone(room: VaultRoom, tmp_path: Path) -> None:
    made = listed(room, tmp_path)
    destroy(room, "ln_1", "ln_2")
    made.sync(room.units)
    lines = [one for one in made.lines() if one is not None and one.genuine]
    assert [one.receipt.to_json() for one in lines] == receipts(room)
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_what_a_crash_left_out_of_the_list_is_put_in_at_the_next_start(
    room: VaultRoom, tmp_path: Path
) -> None:
    made = listed(room, tmp_path)
    destroy(room, "ln_1")
    room.receipts = made_receipts()
    destroy(room, "ln_2")
    with made.path.open("ab") as file:
        file.write(b'{"receipt": {"num')
    made.at_start(room.engine, room.units)
    lines = list(made.lines())
    assert [one is None or one.receipt.body["number"] for one in lines] == [1, True, 2]


def test_lines_that_others_wrote_bear_no_mark_and_are_not_believed(room: VaultRoom, tmp_path: Path) -> None:
    listed(room, tmp_path, b"\x01" * 32)
    destroy(room, "ln_1")
    made = DestroyedList(tmp_path / "destroyed-keys.jsonl", bytes(32))
    assert [one.genuine for one in made.lines() if one is not None] == [False]
    assert made.last() is None


@pytest.fixture
def sqlite_room(tmp_path: Path) -> Iterator[VaultRoom]:
    built = VaultRoom(f"sqlite:///{tmp_path / 'v.sqlite'}", tmp_path / "blobs")
    yield built
    built.close()


def back_up(room: VaultRoom, tmp_path: Path) -> None:
    room.engine.dispose()
    shutil.copy(tmp_path / "v.sqlite", tmp_path / "backup.sqlite")
    shutil.copytree(room.folder, tmp_path / "backup-blobs")


def restore(room: VaultRoom, tmp_path: Path) -> None:
    room.engine.dispose()
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"v.sqlite{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.sqlite", tmp_path / "v.sqlite")
    shutil.rmtree(room.folder)
    shutil.copytree(tmp_path / "backup-blobs", room.folder)


def apply_again(room: VaultRoom, made: DestroyedList) -> int:
    done = 0
    for line in made.lines():
        assert line is not None
        with room.open(InstitutionId(line.receipt.body["institution"])) as vault:
            done += vault.destroy_again(line.receipt)
    made.relist(room.units)
    return done


def test_a_restored_backup_is_not_read_before_what_was_destroyed_is_destroyed_again(
    sqlite_room: VaultRoom, tmp_path: Path
) -> None:
    room, made = sqlite_room, listed(sqlite_room, tmp_path)
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"face", "x/y")
        kept = vault.put(replace(SCOPE, subject="ln_2"), b"kept", "x/y")
    back_up(room, tmp_path)
    with room.open() as vault:
        vault.destroy(SCOPE, reason="consent_withdrawn", by="acc_1")
    destroy(room, "ln_later")
    before = receipts(room)
    made.at_start(room.engine, room.units)

    restore(room, tmp_path)
    with room.open() as vault:
        # What the refusal is for: the old backup does open.
        assert vault.get(ORG, evidence_id) == b"face"
    with pytest.raises(Unavailable, match="backup_destructions_missing"):
        made.at_start(room.engine, room.units)

    assert apply_again(room, made) == 1
    made.at_start(room.engine, room.units)
    with room.open() as vault:
        with pytest.raises(InvalidInput, match="evidence_unknown"):
            vault.get(ORG, evidence_id)
        assert vault.get(ORG, kept) == b"kept"
    # The chain of receipts goes on as if nothing had happened.
    assert receipts(room) == before
    assert [path.name for path in room.folder.rglob("evd_*")] == [kept]
    with room.units.across_institutions("test: the key", read_only=True) as tx:
        row = tx.session.scalars(select(DataKeyRow).where(DataKeyRow.subject == "ln_1")).one()
        assert row.wrapped == b""
    assert apply_again(room, made) == 0


def test_a_backup_that_went_on_without_the_list_is_mended_by_a_copy_of_it(
    sqlite_room: VaultRoom, tmp_path: Path
) -> None:
    room, made = sqlite_room, listed(sqlite_room, tmp_path)
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"face", "x/y")
    back_up(room, tmp_path)
    with room.open() as vault:
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
    destroy(room, "ln_later")
    copy = tmp_path / "copy.jsonl"
    made.path.rename(copy)
    restore(room, tmp_path)
    # Nothing says that it is an old one; receipts are numbered anew.
    made.at_start(room.engine, room.units)
    destroy(room, "ln_other")
    assert apply_again(room, DestroyedList(copy, bytes(32))) == 1
    made.relist(room.units)
    made.at_start(room.engine, room.units)
    with room.open() as vault, pytest.raises(InvalidInput, match="evidence_unknown"):
        vault.get(ORG, evidence_id)
    given = receipts(room)
    assert [one["receipt"]["reason"] for one in given] == ["consent_withdrawn", "restored_backup"]
    assert given[1]["receipt"]["repeats"]
    assert reasons(given) == []


def test_a_key_row_that_is_brought_back_by_hand_opens_nothing(room: VaultRoom) -> None:
    """The wrapped key is gone: taking the date of its destruction away helps nobody."""
    with room.open() as vault:
        evidence_id = vault.put(SCOPE, b"face", "x/y")
    (blob,) = room.folder.rglob("evd_*")
    content = blob.read_bytes()
    with room.open() as vault:
        vault.destroy(SCOPE, reason="requested", by="stf_lin")
    blob.write_bytes(content)
    with room.units.across_institutions("test: by hand") as tx:
        tx.session.execute(update(DataKeyRow).values(destroyed_at=None))
        assert tx.session.scalars(select(EvidenceRow.id)).one() == evidence_id
        assert tx.session.scalars(select(KeyDestructionRow.number)).all() == [1]
    with room.open() as vault, pytest.raises(Unavailable, match="evidence_damaged"):
        vault.get(ORG, evidence_id)
